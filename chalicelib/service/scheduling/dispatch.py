"""Sending runs to their runner, a little before they start."""

import datetime as dt
from collections.abc import Iterable, Mapping

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.infrastructure import queues

AHEAD = dt.timedelta(seconds=120)
"""How far ahead the dispatch tick looks. It comes every minute, so one may fail to come."""
EARLY = dt.timedelta(seconds=2)
"""How long before its start a run reaches its runner, which sleeps the rest: queues count in seconds."""


def is_imminent(start: dt.datetime, now: dt.datetime) -> bool:
    """Whether a run placed now starts too soon to be left to the dispatch tick."""
    return start < now + AHEAD


def message(
    node: NodeName, task: str, run: str, start: dt.datetime, now: dt.datetime
) -> tuple[dict[str, JSON], dt.timedelta]:
    """What the runner is sent of a run, and how long it is to be held back."""
    return {"node": node, "task": task, "run": run}, start - EARLY - now


def send(runs: Iterable[Run], now: dt.datetime) -> None:
    """Send those runs that are marked dispatched to their runner, timed to arrive before the start.

    A crash between marking and sending leaves a run that is given up as missed: it says so.
    """
    marked = (run for run in runs if run.dispatched and run.state is State.PENDING)
    queues.send_many(queues.RUNS, [message(run.node, run.task, run.uuid, run.start, now) for run in marked])


def hand_over(run: Run, came_to: dt.datetime) -> None:
    """Send a run that streams its results to another runner, and say how far the last one came."""
    queues.send(
        queues.RUNS, {"node": run.node, "task": run.task, "run": run.uuid, "since": format_timestamp(came_to)}
    )


def handed_over(message: Mapping[str, JSON]) -> dt.datetime | None:
    """How far the runner before came, where a message hands a run over."""
    return parse_timestamp(message["since"]) if "since" in message else None
