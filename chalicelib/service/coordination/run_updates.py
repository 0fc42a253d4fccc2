"""What participants tell each other about a run (docs/contract/scheduler.md section 6, steps 8 and 9)."""

import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.errors import Conflict, Invalid, StaleRun
from chalicelib.domain.run import Run, reported_failed
from chalicelib.domain.run_states import State, may_become
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import parse_timestamp
from chalicelib.service.scheduling.dispatch import is_dispatched, send
from chalicelib.store import run_table

TRIES = 5
"""Times that a change is made on the run as it then is, others being faster."""


def update(task: Task, run: Run, body: Mapping[str, JSON], now: dt.datetime) -> Run:
    """Change a run as a PUT of it asks: the data of all participants, or their results.

    The data says that all have agreed: a run that waited for that is then sent to its runner. What is asked
    for again, or by several at a time, is done once.

    Raises Invalid for a body with neither or for results before their time, Conflict for results that
    contradict those there are, StaleRun where others change the run again and again.
    """
    for _ in range(TRIES):
        try:
            return _updated(task, run, body, now)
        except StaleRun:
            run = run_table.get(task.node, task.uuid, run.uuid)
    return _updated(task, run, body, now)


def _updated(task: Task, run: Run, body: Mapping[str, JSON], now: dt.datetime) -> Run:
    if "part-data-full" in body:
        full = _list(task, body, "part-data-full")
        if full is not None and full == run.documents.participant_data_full and not run.awaiting:
            return run
        return _agreed(run.with_documents(participant_data_full=full), now)
    if "result-full" in body:
        return _results(task, run, body)
    if "start-time" in body and parse_timestamp(str(body["start-time"])) == run.start:
        return run  # its lead did not hear our first answer
    raise Invalid("must have part-data-full, or result-full with succeeded: the run exists already", "")


def _agreed(run: Run, now: dt.datetime) -> Run:
    if run.state is not State.PENDING or not run.awaiting:
        return run_table.change(run)
    dispatched = is_dispatched(run.node, run.start, now)
    written = run_table.change(run.evolve(awaiting=False, dispatched=dispatched))
    send([written], now)
    return written


def _list(task: Task, body: Mapping[str, JSON], name: str) -> JSON:
    value = body[name]
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != len(task.participants):
        raise Invalid("must be an array with an element for each participant", f"/{name}")
    return value


def _results(task: Task, run: Run, body: Mapping[str, JSON]) -> Run:
    succeeded = body.get("succeeded")
    if not isinstance(succeeded, bool):
        raise Invalid("must be true or false", "/succeeded")
    state = State.FINISHED if succeeded else State.FAILED
    if not may_become(run.state, state):
        raise Invalid(f"a run that is {run.state.value} takes no results", "/result-full")
    full = _list(task, body, "result-full")
    if run.state is state and run.documents.result_full == full:
        return run  # asked for again
    _require_no_contradiction(run, succeeded, full)
    reason = run.documents.reason if succeeded else run.documents.reason or reported_failed(full).describe()
    return run_table.change(run.with_documents(result_full=full, reason=reason).evolve(state=state))


def _require_no_contradiction(run: Run, succeeded: bool, full: JSON) -> None:
    """Raise Conflict where a run that is over has results that say something else: they stay."""
    merged = run.documents.result_merged
    if isinstance(merged, dict) and bool(merged.get("succeeded")) is not succeeded:
        raise Conflict("/succeeded: contradicts the merged result of the run")
    if run.state.is_final and run.documents.result_full not in (None, full):
        raise Conflict("/result-full: the run is over, and has other results")
