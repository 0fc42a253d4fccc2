"""Runs that an agent takes, or will not have: a conditional write each, so that of two one is too late.

pending ──take──> pending, held ──start──> running
   └──refuse──> non-starter, or missed
"""

import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from chalicelib.domain.agent_protocol import REFUSALS
from chalicelib.domain.errors import NotFound, StaleRun, Unavailable
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Reason, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.agents import offers
from chalicelib.service.agents.offers import Offer
from chalicelib.service.execution import results, runner
from chalicelib.service.scheduling import begun_runs, cancellation
from chalicelib.service.scheduling.reservation import give_back
from chalicelib.store import run_table, task_table

LOG = logging.getLogger(__name__)
TRIES = 4
"""How often a change is made anew, others being faster."""
FORGOTTEN = "It was cancelled"


def claim(node: NodeName, said: Mapping[str, JSON], now: dt.datetime) -> dict[str, JSON]:
    """Take runs for an instance of the node's agent, and end those it refuses; what came of each."""
    for each in said.get("refuse", ()):
        _refuse(node, said["instance"], each, now)
    taken: list[JSON] = []
    gone: list[JSON] = []
    for run, why in _take_all(node, said["instance"], said.get("take", ()), now).items():
        if why is None:
            taken.append(run)
        else:
            gone.append({"run": run, "message": why})
    return {"taken": taken, "gone": gone}


def take_offered(found: Sequence[Offer], instance: str, now: dt.datetime) -> list[RunId]:
    """Take runs for an instance as they are offered to it; those that are its own now."""
    return [each.run.uuid for each in found if _take(each.task, each.run, instance, now) is None]


def _take_all(
    node: NodeName, instance: str, wanted: Sequence[Mapping[str, JSON]], now: dt.datetime
) -> dict[RunId, str | None]:
    """Why each run is not the instance's; None for those that are."""
    pairs = {RunId(each["run"]): TaskId(each["task"]) for each in wanted}
    runs = run_table.get_all(node, [(task, run) for run, task in pairs.items()])
    tasks = task_table.get_many(node, list(set(pairs.values())))
    return {run: _take(tasks.get(task), runs.get(run), instance, now) for run, task in pairs.items()}


def _take(task: Task | None, run: Run | None, instance: str, now: dt.datetime) -> str | None:
    for _ in range(TRIES):
        if run is None:
            return FORGOTTEN
        if run.holder == instance and run.state in (State.PENDING, State.RUNNING):
            return None  # it did not hear our first answer
        why = offers.objection(task, run, instance, now)
        if why is not None:
            return why
        try:
            run_table.take(run, instance)
            return None
        except StaleRun:
            run = run_table.get_many(run.node, run.task, [run.uuid]).get(run.uuid)
    return "It keeps changing"


def _refuse(node: NodeName, instance: str, said: Mapping[str, JSON], now: dt.datetime) -> None:
    """End a run that the agent will not have; one that is nobody's, or its own, and not over."""
    reason = Reason(said["code"], said.get("message") or "Its agent gave no details")
    for _ in range(TRIES):
        try:
            task, run = _found(node, said)
            if run.state not in (State.PENDING, State.RUNNING) or run.holder not in (None, instance):
                return
            # What has begun, as far as is known here, can be no non-starter.
            state = State.MISSED if run.state is State.RUNNING else REFUSALS[reason.code]
            results.give_up(task, run, state, reason, now)
            give_back(task, run, run.start)
            return
        except StaleRun:
            continue
        except NotFound as error:
            LOG.info("Nothing to refuse: %s", error)
            return


def _found(node: NodeName, said: Mapping[str, JSON]) -> tuple[Task, Run]:
    task = TaskId(said["task"])
    return task_table.get(node, task), run_table.get(node, task, RunId(said["run"]))


def start(node: NodeName, said: Mapping[str, JSON], now: dt.datetime) -> str | None:
    """Note that an agent begins with a run; why it must not, None where it may go ahead.

    Raises Unavailable where others keep changing it: the agent asks again.
    """
    for _ in range(TRIES):
        try:
            task, run = _found(node, said)
            return _start(task, run, said["instance"], now)
        except StaleRun:
            continue
        except NotFound:
            return FORGOTTEN
    raise Unavailable(f"Run {said['run']} keeps changing")


def _start(task: Task, run: Run, instance: str, now: dt.datetime) -> str | None:
    if run.holder != instance:
        return "It was not taken by this instance of the agent"
    if run.state is State.RUNNING:
        return None
    if run.state is not State.PENDING:
        return f"It is {run.state.value}"
    if not task.enabled:
        cancellation.cancel_run(task, run.uuid, now)
        return FORGOTTEN
    obstacle = runner.obstacle(task, run, now)
    if obstacle is not None:
        state, reason = obstacle
        results.give_up(task, run, state, reason, now)
        return reason.message
    run_table.change(run.evolve(state=State.RUNNING))
    begun_runs.note(task, run)
    return None
