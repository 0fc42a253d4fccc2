"""What an agent is offered: runs of its node that start soon and that nobody has taken."""

import datetime as dt
import itertools
from collections.abc import Collection, Iterator
from typing import NamedTuple

from chalicelib.domain.agent_protocol import MOST_HELD, MOST_OFFERED, OFFERED_AHEAD
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import HORIZON, Task
from chalicelib.domain.times import SECOND
from chalicelib.store import run_counts, run_table, task_table

MOST_LOOKED_AT = MOST_HELD + 2 * MOST_OFFERED
"""Entries of the index read for one contact, at most."""


class Offer(NamedTuple):
    """A run that an agent may take, with its task."""

    task: Task
    run: Run

    @property
    def assignment(self) -> Assignment:
        return Assignment.of(self.task, self.run)


def to(
    node: NodeName, instance: str, held: Collection[str], now: dt.datetime, since: dt.datetime | None = None
) -> list[Offer]:
    """The runs to be offered to an instance of the agent, the next to start first, without those it holds.

    Among them are runs that were taken for it when it did not hear the answer. With ``since`` those alone
    that start then or later.
    """
    fresh = (run for run in _ahead(node, since or now - HORIZON, now) if run.uuid not in held)
    found: list[Offer] = []
    while len(found) < MOST_OFFERED and (some := list(itertools.islice(fresh, MOST_OFFERED))):
        found += _whole(node, instance, some, now)
    return found[:MOST_OFFERED]


def _ahead(node: NodeName, since: dt.datetime, now: dt.datetime) -> Iterator[Run]:
    # Those that stream are worth starting late; others whose start has passed are few, and soon over.
    bounds = [(State.PENDING, since, now + OFFERED_AHEAD)]
    return itertools.islice(run_counts.behind(node, bounds, now, None, page_size=200), MOST_LOOKED_AT)


def _whole(node: NodeName, instance: str, summaries: list[Run], now: dt.datetime) -> list[Offer]:
    runs = run_table.get_all(node, [(run.task, run.uuid) for run in summaries])
    tasks = task_table.get_many(node, list({run.task for run in runs.values()}))
    return [
        Offer(tasks[run.task], run)
        for summary in summaries
        if (run := runs.get(RunId(summary.uuid))) and not objection(tasks.get(run.task), run, instance, now)
    ]


def objection(task: Task | None, run: Run, instance: str, now: dt.datetime) -> str | None:
    """Why a run cannot be taken for an instance; None where it can, by whoever comes first, or is its own."""
    if task is None or not task.enabled:
        return "Its task was cancelled"
    if run.state is not State.PENDING:
        return f"It is {run.state.value}"
    if run.awaiting or not run.dispatched:
        return "Its participants have not agreed yet"
    if run.holder not in (None, instance):
        return "Another instance of the agent has taken it"
    latest = run.end if task.is_multi_result else run.start + SECOND
    return None if now < latest else "Its start has passed"
