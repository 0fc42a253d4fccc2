"""Sending runs to their runner, a little before they start."""

import datetime as dt
from collections.abc import Iterable

from chalicelib.domain.messages import PerformRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.infrastructure import queues

AHEAD = dt.timedelta(seconds=120)
"""How far ahead the dispatch tick looks. It comes every minute, so one may fail to come."""
EARLY = dt.timedelta(seconds=2)
"""How long before its start a run reaches its runner, which sleeps the rest: queues count in seconds."""


def is_imminent(start: dt.datetime, now: dt.datetime) -> bool:
    """Whether a run placed now starts too soon to be left to the dispatch tick."""
    return start < now + AHEAD


def message(
    node: NodeName, task: TaskId, run: RunId, start: dt.datetime, now: dt.datetime
) -> tuple[PerformRun, dt.timedelta]:
    """What the runner is sent of a run, and how long it is to be held back."""
    return PerformRun(node, task, run), start - EARLY - now


def send(runs: Iterable[Run], now: dt.datetime) -> None:
    """Send those runs that are marked dispatched to their runner, timed to arrive before the start.

    A crash between marking and sending, or a queue that does not answer, leaves a run that is given up as
    missed: it says so.
    """
    marked = (run for run in runs if run.dispatched and run.state is State.PENDING)
    queues.announce(queues.RUNS, [message(run.node, run.task, run.uuid, run.start, now) for run in marked])


def hand_over(run: Run, came_to: dt.datetime) -> None:
    """Send a run that streams its results to another runner, and say how far the last one came."""
    queues.send(queues.RUNS, PerformRun(run.node, run.task, run.uuid, came_to))
