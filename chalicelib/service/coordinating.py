"""What participants tell each other about a run (contract/scheduler.md section 6, steps 8 and 9)."""

from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.run import Run
from chalicelib.domain.runstate import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.store import runs


def update(task: Task, run: Run, body: Mapping[str, JSON]) -> Run:
    """Change a run as a PUT of it asks: the data of all participants, or their results.

    Raises Invalid for a body with neither, BadTransition and StaleRun as they come.
    """
    if "part-data-full" in body:
        return runs.change(run.with_documents(participant_data_full=_list(task, body, "part-data-full")))
    if "result-full" in body:
        return _results(task, run, body)
    raise Invalid("/: a run that exists takes part-data-full, or result-full with succeeded")


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
    full = _list(task, body, "result-full")
    return runs.change(run.with_documents(result_full=full).evolve(state=state))
