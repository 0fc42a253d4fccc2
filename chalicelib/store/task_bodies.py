"""What never changes of a task, as the text an item holds.

It begins with the task as everybody may see it, and how many characters that takes, so that a list can show
thousands of tasks without reading any:

    {"shown-length": 812, "shown": {...}, "test": "rtt", "tool": "ping", ..., "document": {...}}

``document`` is absent where it is what is shown. Texts of before begin with ``document``, or have no ``test``
and ``tool``, or ``document`` right behind what is shown.
"""

import dataclasses
import json
import re
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
    rest = _encoded({**_others(task), **({"document": dict(task.document)} if hides else {})})
    return f"{_LENGTH}{len(shown)}{_SHOWN}{shown},{rest[1:]}"


def _others(task: Task) -> dict[str, JSON]:
    return {
        "test": task.test,
        "tool": task.tool,
        "cli": list(task.cli),
        "participant": task.participant,
        "participants": list(task.participants),
        "schedule": _schedule(task.schedule),
        "participant-key": task.participant_key,
        **({"key-is-made-up": True} if task.key_is_made_up else {}),
        "duration": format_duration(task.duration),
        "post": format_duration(task.post),
        "class": task.scheduling_class,
        "url": task.url,
        "hints": dict(task.hints),
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
    place = _place(text)
    return None if place is None else text[slice(*place)]


def _place(text: str) -> tuple[int, int] | None:
    """Where in a text it is what is shown; None of one from before."""
    if not text.startswith(_LENGTH):
        return None
    until = text.index(_SHOWN)
    begin = until + len(_SHOWN)
    return begin, begin + int(text[len(_LENGTH) : until])


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What lists show of a task besides what everybody may see; ``cli`` as JSON."""

    test: str
    tool: str
    cli: str
    participant: int = 0
    participants: Sequence[JSON] = ()
    """Not said of the participant that leads."""


_PLAIN = re.compile(
    r',"test":"([^"\\]*)","tool":"([^"\\]*)","cli":(\[(?:"[^"\\]*"(?:,"[^"\\]*")*)?\]),"participant":0,'
)
"""How a text goes on behind what is shown, as of most tasks: nothing of it has to be parsed then."""


def beside(text: str) -> Beside:
    """The same, of a text."""
    place = _place(text)
    found = _PLAIN.match(text, place[1]) if place else None
    return Beside(found[1], found[2], found[3]) if found else _parsed(text, place)


def _parsed(text: str, place: tuple[int, int] | None) -> Beside:
    body = json.loads(f"{{{text[place[1] + 1 :]}" if place else text)
    if "test" in body:
        test, tool = body["test"], body["tool"]
    else:
        document = body["document"] if "document" in body else json.loads(shown(text) or "")
        test, tool = document["test"]["type"], document["tool"]
    others = body["participants"] if body["participant"] else ()
    return Beside(test, tool, _encoded(body["cli"]), body["participant"], others)


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
