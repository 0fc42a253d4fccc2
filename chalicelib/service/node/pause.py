"""Pausing the node: runs that come up while it is paused are missed
(docs/contract/scheduler.md section 11)."""

import datetime as dt

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration, format_timestamp, parse_timestamp, round_up
from chalicelib.store import node_table

PAUSE = "pause"


def pause(node: NodeName, until: dt.datetime | None) -> None:
    """Start no runs until an instant; None is until resumed."""
    node_table.write(node, PAUSE, {"until": format_timestamp(until) if until else None})


def resume(node: NodeName) -> None:
    """Start runs again."""
    node_table.remove(node, PAUSE)


def is_paused(node: NodeName, now: dt.datetime) -> bool:
    return _holds(node_table.read(node, PAUSE), now)


def seems_paused(node: NodeName, now: dt.datetime) -> bool:
    """The same, a moment behind: every run that is to begin looks at it."""
    return _holds(node_table.glance(node, PAUSE), now)


def _holds(found: JSON, now: dt.datetime) -> bool:
    return found is not None and (found["until"] is None or parse_timestamp(found["until"]) > now)


def describe(node: NodeName, now: dt.datetime) -> dict[str, JSON]:
    """As /stat/control/pause shows it (docs/contract/api.md)."""
    if not is_paused(node, now):
        return {"is_paused": False}
    until = node_table.read(node, PAUSE)["until"]
    if until is None:
        return {"is_paused": True, "infinite": True}
    left = round_up(parse_timestamp(until) - now)
    return {"is_paused": True, "infinite": False, "remaining": format_duration(left)}
