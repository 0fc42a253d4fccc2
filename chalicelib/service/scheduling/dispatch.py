"""Sending runs to their runner, a little before they start."""

import datetime as dt
from collections.abc import Iterable

from chalicelib.domain.messages import EndWait, PerformRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import queues
from chalicelib.service.node import agent_bell, node_directory
from chalicelib.settings import settings

AHEAD = dt.timedelta(seconds=120)
"""How far ahead the dispatch tick looks. It comes every minute, so one may fail to come."""
WRITING = dt.timedelta(seconds=60)
"""How long placing a run takes at most, from the look at the clock until the index has it: the dispatch tick
looks at every instant once, and does not find what comes to be filed there afterwards."""
LONG_LATE = dt.timedelta(seconds=5)
"""How long after its start a run is not looked at any more by whoever takes its message."""
LONGEST_DIAGS = 50_000
"""Characters of what a tool said that go with a message."""


def is_imminent(start: dt.datetime, now: dt.datetime) -> bool:
    """Whether a run placed now starts too soon to be left to the dispatch tick."""
    return start < now + AHEAD + WRITING


def is_dispatched(node: NodeName, start: dt.datetime, now: dt.datetime) -> bool:
    """Whether a run placed now is not for the dispatch tick: it starts too soon, or its agent fetches it."""
    return is_imminent(start, now) or node_directory.runs_at_agent(node)


def message(
    node: NodeName, task: TaskId, run: RunId, start: dt.datetime, lane: str = ""
) -> tuple[PerformRun, dt.datetime]:
    """What the runner is sent of a run, and when it is to have it: so early that it may start first, and
    queues count in whole seconds. It sleeps the rest."""
    return PerformRun(node, task, run, start=start, lane=lane), start - settings().head_start * SECOND


def has_passed(message: PerformRun, now: dt.datetime) -> bool:
    """Whether a message is so late that its run is left to the reaper, and nothing is read for it.

    After an outage there are many, and what can still start would have to wait behind them.
    """
    return message.start is not None and message.start + LONG_LATE < now


def send(runs: Iterable[Run], now: dt.datetime) -> None:
    """Send those runs that are marked dispatched to their runner, timed to arrive before the start.

    Where a node's tools are at its agent, that is called instead, if one of them starts soon.

    A crash between marking and sending, or a queue that does not answer, leaves a run that is given up as
    missed: it says so.
    """
    marked = [run for run in runs if run.dispatched and run.state is State.PENDING]
    at_agents = {run.node for run in marked if node_directory.runs_at_agent(run.node)}
    here = (run for run in marked if run.node not in at_agents)
    outgoing = [message(run.node, run.task, run.uuid, run.start, run.lane) for run in here]
    queues.announce_at(queues.RUNS, outgoing)
    soon = {run.node for run in marked if run.start <= now + agent_bell.OFFERED_AHEAD}
    for node in sorted(soon & at_agents):
        agent_bell.ring(node, now)


def send_again(run: Run, now: dt.datetime) -> None:
    """Send a run that streams its results to a runner, or have its agent take it, however late that is."""
    if node_directory.runs_at_agent(run.node):
        agent_bell.ring(run.node, now)
        return
    queues.send(queues.RUNS, PerformRun(run.node, run.task, run.uuid, lane=run.lane))


def hand_over(run: Run, came_to: dt.datetime) -> None:
    """Send a run that streams its results to another runner, and say how far the last one came."""
    queues.send(queues.RUNS, PerformRun(run.node, run.task, run.uuid, came_to, lane=run.lane))


def send_when_over(run: Run, until: dt.datetime, diags: str = "") -> None:
    """Send a run for what is left to do of it at an instant; nobody waits for that.

    ``diags`` are those of its tool, which are stored nowhere before that.
    """
    whole = EndWait(run.node, run.task, run.uuid, until, diags[:LONGEST_DIAGS], run.lane)
    queues.send_at(queues.RUNS, [(whole, until)])
