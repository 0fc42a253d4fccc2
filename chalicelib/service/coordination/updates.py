"""What participants tell each other about a run (docs/contract/scheduler.md section 6, steps 8 and 9)."""

import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State, may_become
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import parse_timestamp
from chalicelib.service.scheduling.dispatch import is_imminent, send
from chalicelib.store import run_table


def update(task: Task, run: Run, body: Mapping[str, JSON], now: dt.datetime) -> Run:
    """Change a run as a PUT of it asks: the data of all participants, or their results.

    The data says that all have agreed: a run that waited for that is then sent to its runner.

    Raises Invalid for a body with neither or for results before their time, StaleRun as it comes.
    """
    if "part-data-full" in body:
        return _agreed(run.with_documents(participant_data_full=_list(task, body, "part-data-full")), now)
    if "result-full" in body:
        return _results(task, run, body)
    if "start-time" in body and parse_timestamp(str(body["start-time"])) == run.start:
        return run  # its lead did not hear our first answer
    raise Invalid("/: a run that exists takes part-data-full, or result-full with succeeded")


def _agreed(run: Run, now: dt.datetime) -> Run:
    if run.state is not State.PENDING or not run.awaiting:
        return run_table.change(run)
    written = run_table.change(run.evolve(awaiting=False, dispatched=is_imminent(run.start, now)))
    send([written], now)
    return written


def _list(task: Task, body: Mapping[str, JSON], name: str) -> JSON:
    value = body[name]
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != len(task.participants):
        raise Invalid(f"/{name}: must be an array with an element for each participant")
    return value


def _results(task: Task, run: Run, body: Mapping[str, JSON]) -> Run:
    succeeded = body.get("succeeded")
    if not isinstance(succeeded, bool):
        raise Invalid("/succeeded: must be true or false")
    state = State.FINISHED if succeeded else State.FAILED
    if not may_become(run.state, state):
        raise Invalid(f"/result-full: a run that is {run.state.value} takes no results")
    full = _list(task, body, "result-full")
    return run_table.change(run.with_documents(result_full=full).evolve(state=state))
