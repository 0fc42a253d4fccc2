"""Who has to agree to what is done with a task: a kind of participation each, chosen where a task is read.

    Alone      this node by itself: nobody else takes part, or another node leads the task
    CoHosted   its lead, all of whose participants are nodes of this deployment: agreed in a transaction
    Remote     its lead, some of whose participants are nodes elsewhere: agreed by requests

``of(task)`` is the only place where that is decided. What differs between the three is a method of all.
"""

import datetime as dt
from collections.abc import Sequence

from chalicelib.domain.errors import Conflict
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.task import Task
from chalicelib.domain.times import truncate
from chalicelib.service.coordination.cohosted_participation import CoHosted
from chalicelib.service.coordination.participation_base import Alone, Participation
from chalicelib.service.coordination.remote_participation import Remote
from chalicelib.service.node import cohosted_nodes
from chalicelib.service.scheduling.cancellation import RUNS_AT_ONCE
from chalicelib.store import run_table, task_table


def of(task: Task) -> Participation:
    """How this node takes part in a task."""
    return kind(task.node, task.participants, task.participant)(task)


def kind(node: NodeName, participants: Sequence[str], number: int = 0) -> type[Participation]:
    """How a node takes part, as the participant of a number, in a task that has these."""
    if len(participants) == 1 or number != 0:
        return Alone
    return CoHosted if cohosted_nodes.are_cohosted(node, participants) else Remote


def cancel(node: NodeName, uuid: TaskId, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
    """Cancel a task as it now is, at all its participants. Raises NotFound."""
    of(task_table.get(node, uuid)).cancel(now, at_once)


def place_once(task: Task, start: dt.datetime, now: dt.datetime, run: RunId) -> Run:
    """Place a run under its uuid; asked for twice, also at a time, it is placed once, and both hear of it.

    Raises Conflict where the time is taken, and PeerError where another participant is in the way.
    """
    try:
        return of(task).place_at(start, now, run)
    except Conflict:
        there = run_table.get_many(task.node, task.uuid, [run]).get(run)
        if there is None or there.start != truncate(start):
            raise
        return there
