"""Signs of life: when each tick last worked, and when runs were last placed and finished.

The names are the reference's daemons, which clients ask about (contract/api.md, ``/status``).
"""

import datetime as dt
import threading

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, format_timestamp, parse_timestamp, truncate
from chalicelib.store import node

INTERVAL = dt.timedelta(minutes=1)
SERVICES = ("ticker", "scheduler", "runner", "archiver")
LAST_SCHEDULED, LAST_FINISHED = "last-scheduled", "last-finished"

NOTE_EVERY = dt.timedelta(seconds=10)
"""A process writes down an event at most this often: one write a run would be a write too many."""

_noted: dict[str, dt.datetime] = {}
_noting = threading.Lock()


def beat(service: str, now: dt.datetime) -> None:
    """Record that a service has worked. One that was silent for long counts as started anew."""
    known = node.read(service)
    if known is None or parse_timestamp(known["last"]) < now - 5 * INTERVAL:
        known = {"started": format_timestamp(now), "updates": 0}
    node.write(service, {**known, "updates": known["updates"] + 1, "last": format_timestamp(now)})


def note(event: str, now: dt.datetime) -> None:
    """Record that something happened, unless this process just did."""
    with _noting:
        recent = _noted.get(event)
        if recent is not None and now - NOTE_EVERY < recent <= now:
            return
        _noted[event] = now
    node.write(event, format_timestamp(now))


def describe(now: dt.datetime) -> dict[str, JSON]:
    """The members ``services`` and ``runs`` of /status."""
    known = node.read_many((*SERVICES, LAST_SCHEDULED, LAST_FINISHED))
    return {
        "services": {service: _service(known.get(service), now) for service in SERVICES},
        "runs": {event: known.get(event) for event in (LAST_FINISHED, LAST_SCHEDULED)},
    }


def _service(known: JSON, now: dt.datetime) -> dict[str, JSON]:
    if known is None:
        names = ("uptime", "updates", "last", "next_time", "expected", "overdue")
        return dict.fromkeys(names)
    last = parse_timestamp(known["last"])
    expected = last + INTERVAL
    late = truncate(now) - expected
    return {
        "uptime": format_duration(truncate(now) - truncate(parse_timestamp(known["started"]))),
        "updates": known["updates"],
        "last": format_timestamp(last),
        "next_time": format_duration(INTERVAL),
        "expected": format_timestamp(expected),
        "overdue": format_duration(late) if late >= SECOND * 30 else None,
    }
