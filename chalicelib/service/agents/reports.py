"""What an agent's tools came to. Handed over again it is known; too late it is kept, and changes nothing.

running, or pending and held ──the last result──> as at any node: finished, failed, or waiting for the others
over ──a result all the same──> over as it is, with the result as ``late``
"""

import datetime as dt
import logging
from collections.abc import Mapping

from chalicelib.domain.agent_protocol import streamed
from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.errors import Conflict, Invalid, NotFound, StaleRun, Unavailable
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.result_size import bounded, shortened
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND, format_timestamp, parse_timestamp
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import results
from chalicelib.service.scheduling import begun_runs
from chalicelib.store import run_table, task_table

LOG = logging.getLogger(__name__)
TRIES = 5
RESULT, KNOWN, LATE, GONE = "result", "known", "late", "gone"
"""What becomes of a result: it is the run's, was there already, came too late, or its run is not known."""
MOST_A_SECOND = 10
"""Results of one run that streams, on average over the time since its start and a minute more."""


def take(node: NodeName, said: Mapping[str, JSON], machine: Machine) -> str:
    """Keep a result, and tell as what.

    Raises Invalid, Conflict where the run is not this instance's, and Unavailable where others keep changing
    it: the agent hands it over again.
    """
    local = _local(said["local"])
    for _ in range(TRIES):
        try:
            uuid = TaskId(said["task"])
            task, run = task_table.get(node, uuid), run_table.get(node, uuid, RunId(said["run"]))
            if run.holder != said["instance"]:
                raise Conflict(f"Run {run.uuid} was not taken by this instance of the agent")
            if not said["final"]:
                return _add(task, run, local, said, machine.now())
            kept = _conclude(task, run, local, said["number"], machine)
        except NotFound as error:
            LOG.info("A result of nothing: %s", error)
            return GONE
        except StaleRun:
            continue
        if kept:
            return kept
    raise Unavailable(f"Run {said['run']} keeps changing")


def _local(document: JSON) -> LocalResult:
    """Bounded as a result of this host's own tools is. Raises Invalid."""
    try:
        given = LocalResult.from_json(document)
    except Invalid as error:
        raise error.inside("/local") from error
    errors = None if given.errors is None else shortened(given.errors)
    return LocalResult(bounded(given.result), errors, shortened(given.diags))


def _conclude(task: Task, run: Run, local: LocalResult, number: int, machine: Machine) -> str | None:
    """Have it as the run's result, or as late; None where the run changed meanwhile."""
    if run.received or run.documents.late:
        return KNOWN
    if run.state not in (State.PENDING, State.RUNNING):
        late = {"at": format_timestamp(machine.now()), "local": local.to_json()}
        run_table.change(run.with_documents(late=late))
        return LATE
    begun = run.evolve(state=State.RUNNING, received=number)  # its agent may not have been heard at the start
    if not results.conclude(task, begun, local, machine):
        return None
    if run.state is State.PENDING:
        begun_runs.note(task, run)
    return RESULT


def _add(task: Task, run: Run, local: LocalResult, said: Mapping[str, JSON], now: dt.datetime) -> str:
    """Store one result of a run that streams them, as a run of its own."""
    if not task.is_multi_result:
        raise Invalid("must be true: this test has one result", "/final")
    most = MOST_A_SECOND * (max(now - run.start, 0 * SECOND) / SECOND + 60)
    if said["number"] > most:
        raise Invalid(f"must be at most {most:.0f} by now: {MOST_A_SECOND} results a second", "/number")
    at = min(max(parse_timestamp(said["at"]), run.start), max(now, run.start))
    try:
        results.add(task, local.entry(), at, streamed(run.uuid, said["number"]))
    except StaleRun:
        there = run_table.get_many(task.node, task.uuid, [streamed(run.uuid, said["number"])])
        return KNOWN if there else GONE
    return RESULT
