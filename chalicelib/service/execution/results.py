"""What becomes of a run once its tool is done, or will never be: its final state, stored once."""

import datetime as dt
import logging

from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.conflicts import end_when_over, free_from
from chalicelib.domain.errors import StaleRun
from chalicelib.domain.names import RunId
from chalicelib.domain.result_size import bounded
from chalicelib.domain.run import Documents, Reason, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce, selection
from chalicelib.service.coordination import collection
from chalicelib.service.node import heartbeats
from chalicelib.service.scheduling import dispatch
from chalicelib.service.scheduling.reservation import give_back, new_id
from chalicelib.store import run_table
from chalicelib.store.transactions import recording
from plugins import registry

LOG = logging.getLogger(__name__)


def conclude(task: Task, run: Run, local: LocalResult, machine: Machine) -> bool:
    """Store what the tool came to, free the time left, and send the merged result on its way.

    Only the lead merges, once the time of all participants is over, and is sent for then; the others keep
    what is theirs. A run that was cancelled meanwhile stays cancelled, and nothing is stored over it: False
    then.
    """
    ended = run.with_documents(result=local.result).evolve(errors=local.errors)
    if task.is_multi_result or not task.is_lead:
        state = State.FINISHED if local.succeeded or task.is_multi_result else State.FAILED
        return _end(task, ended.evolve(state=state), machine)
    if task.others:
        return _keep_until_all_are_done(task, ended, local, machine)
    return merge(task, ended, local, machine)


def merge(task: Task, run: Run, local: LocalResult, machine: Machine) -> bool:
    """Merge the results of all participants, whose time is over, and store what that comes to."""
    ended = _merged(task, run, local, machine)
    state = State.FINISHED if _succeeded(ended.documents.result_merged) else State.FAILED
    return _end(task, ended.evolve(state=state), machine)


def _end(task: Task, run: Run, machine: Machine) -> bool:
    """Store a run in its final state, unless it was changed meanwhile, and free the time it did not need."""
    now = machine.now()
    over = end_when_over(run.start, run.end, now)
    try:
        record(task, run.evolve(end=over), now)
    except StaleRun:
        LOG.info("Run %s was changed while its tool worked; its result is dropped", run.uuid)
        return False
    give_back(task, run, free_from(over, run.end))
    return True


def _keep_until_all_are_done(task: Task, run: Run, local: LocalResult, machine: Machine) -> bool:
    """Store a participant's own result until the time of the run is over at all of them."""
    try:
        latest = collection.latest(task, run, machine.now())
        kept = run_table.change(run.evolve(state=State.CLEANUP, leased_until=latest))
    except StaleRun:
        LOG.info("Run %s was changed while its tool worked; its result is dropped", run.uuid)
        return False
    dispatch.send_when_over(kept, max(kept.end, machine.now()), local.diags)
    return True


def _merged(task: Task, run: Run, local: LocalResult, machine: Machine) -> Run:
    """The run with the results of all, and what the tool makes of them together."""
    collected = collection.results(task, run, local.entry(), machine)
    try:
        merged = bounded(registry.tools()[task.tool].merge(task.spec, collected.results))
    except Exception as error:  # a plugin's own mistake must not be the node's
        LOG.exception("The tool %s could not merge run %s", task.tool, run.uuid)
        merged = {"succeeded": False, "error": f"The results could not be merged: {error!r}", "diags": ""}
    survey = None if _succeeded(merged) else collection.clocks(task, machine)
    errors = "\n".join(filter(None, [run.errors, *collected.errors])) or None
    done = run.evolve(errors=errors)
    return done.with_documents(result_full=collected.results, result_merged=merged, clock_survey=survey)


def _succeeded(merged: JSON) -> bool:
    return isinstance(merged, dict) and merged.get("succeeded") is True


def record(task: Task, run: Run, now: dt.datetime) -> Run:
    """Store a run that is over, and with it what is to be delivered of its merged result.

    A run that streams its results has none itself: those are delivered one by one. Raises StaleRun.
    """
    due = [] if task.is_multi_result else selection.of_result(task, run, now)
    written = recording.finish(run, due)
    heartbeats.note(task.node, heartbeats.LAST_FINISHED, now)
    watch.leave(task, written, now)
    announce.at_once(due)
    return written


def add(task: Task, result: JSON, now: dt.datetime, uuid: RunId | None = None) -> None:
    """Store one result of a task that streams them, as a run of its own
    (docs/contract/scheduler.md section 8).

    It counts toward the task's runs, and is delivered whatever it says of itself. Raises StaleRun where the
    task is gone, or there is a run of its ``uuid``.
    """
    run = Run(
        node=task.node,
        task=task.uuid,
        uuid=uuid or new_id(),
        start=now,
        end=now,
        state=State.FINISHED,
        added=now,
        priority=task.priority,
        documents=Documents(result_merged=bounded(result)),
        dispatched=True,
    )
    due = selection.of_result(task, run, now)
    recording.append(run, due)
    watch.leave(task, run, now)
    announce.at_once(due)


def give_up(task: Task, run: Run, state: State, reason: Reason, now: dt.datetime) -> Run:
    """Store that a run will not be, or will not be finished, and why; archives that ask for it hear of it.

    Raises StaleRun.
    """
    local = run.documents.result or {"succeeded": False, "diags": reason.message}
    ended = run.with_documents(result=local, reason=reason.describe())
    ended = ended.evolve(state=state, errors=run.errors or reason.message)
    due = selection.of_event(task, ended, now)
    written = recording.finish(ended, due)
    watch.leave(task, written, now)
    announce.at_once(due)
    return written
