"""What never changes of a task, as the text an item holds.

It begins with the task as everybody may see it, and how many characters that takes, so that a list can show
thousands of tasks without reading any:

    {"shown-length": 812, "shown": {...}, "document": {...}, "test": "rtt", "tool": "ping", "schedule": ...}

``document`` is absent where it is what is shown. Texts of before begin with ``document``, or have no ``test``
and ``tool``.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from chalicelib.domain.documents import sanitized
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration, format_timestamp, parse_duration, parse_timestamp

_LENGTH, _SHOWN = '{"shown-length":', ',"shown":'
_encoded = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def written(task: Task) -> str:
    """The text for a task."""
    shown = visible(task)
    hides = _encoded(dict(task.document)) != shown
    rest = _encoded({**({"document": dict(task.document)} if hides else {}), **_others(task)})
    return f"{_LENGTH}{len(shown)}{_SHOWN}{shown},{rest[1:]}"


def _others(task: Task) -> dict[str, JSON]:
    return {
        "test": task.test,
        "tool": task.tool,
        "schedule": _schedule(task.schedule),
        "participants": list(task.participants),
        "participant": task.participant,
        "participant-key": task.participant_key,
        **({"key-is-made-up": True} if task.key_is_made_up else {}),
        "duration": format_duration(task.duration),
        "post": format_duration(task.post),
        "class": task.scheduling_class,
        "url": task.url,
        "hints": dict(task.hints),
        "cli": list(task.cli),
        "diags": task.diags,
        "limit-diags": task.limit_diags,
    }


def _schedule(schedule: Schedule) -> dict[str, JSON]:
    return {
        "start": schedule.start and format_timestamp(schedule.start),
        "slip": format_duration(schedule.slip),
        "sliprand": schedule.sliprand,
        "repeat": schedule.repeat and format_duration(schedule.repeat),
        "cron": schedule.cron,
        "until": schedule.until and format_timestamp(schedule.until),
        "max-runs": schedule.max_runs,
    }


def visible(task: Task) -> str:
    """JSON of a task as everybody may see it, without its detail."""
    return _encoded(sanitized(task.shown))


def shown(text: str) -> str | None:
    """The same, of a text; None of one from before it was in there."""
    found = _parted(text)
    return None if found is None else found[0]


def _parted(text: str) -> tuple[str, str] | None:
    """What is shown, and what is behind that: ``,"test":...}``; None of a text from before."""
    if not text.startswith(_LENGTH):
        return None
    length, _, rest = text.partition(_SHOWN)
    end = int(length[len(_LENGTH) :])
    return rest[:end], rest[end:]


@dataclasses.dataclass(frozen=True)
class Beside:
    """What lists show of a task besides what everybody may see: less than half of the text is read for it."""

    test: str
    tool: str
    participants: Sequence[JSON]
    participant: int
    cli: Sequence[str]


def beside(text: str) -> Beside:
    """The same, of a text."""
    found = _parted(text)
    body = json.loads(f"{{{found[1][1:]}" if found else text)
    if "test" in body:
        test, tool = body["test"], body["tool"]
    else:
        document = body["document"] if "document" in body else json.loads(found[0] if found else text)
        test, tool = document["test"]["type"], document["tool"]
    return Beside(test, tool, body["participants"], body["participant"], body["cli"])


def read(text: str) -> dict[str, Any]:
    """The members of a task that never change, but for those an item has beside the text."""
    body = json.loads(text)
    return {
        "document": body["document"] if "document" in body else body["shown"],
        "schedule": _to_schedule(body["schedule"]),
        "participants": tuple(body["participants"]),
        "duration": parse_duration(body["duration"]),
        "scheduling_class": body["class"],
        "participant": body["participant"],
        "participant_key": body["participant-key"],
        "key_is_made_up": body.get("key-is-made-up", False),
        "post": parse_duration(body["post"]),
        "url": body.get("url"),
        "hints": body["hints"],
        "cli": body["cli"],
        "diags": body["diags"],
        "limit_diags": body["limit-diags"],
    }


def _to_schedule(body: dict[str, JSON]) -> Schedule:
    return Schedule(
        start=body["start"] and parse_timestamp(body["start"]),
        slip=parse_duration(body["slip"]),
        sliprand=body["sliprand"],
        repeat=body["repeat"] and parse_duration(body["repeat"]),
        cron=body["cron"],
        until=body["until"] and parse_timestamp(body["until"]),
        max_runs=body["max-runs"],
    )
