"""The page that lists a task's runs
(docs/contract/api.md, ``GET /tasks/<t>/runs``; paging is an addition)."""

from collections.abc import Callable, Sequence

from chalicelib.api.http import pagination
from chalicelib.api.http.router import Answer, Request, as_json, task_id
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import EXPANDED, KEY, flag, moment, operation, word
from chalicelib.api.pages.single_run import describe, href
from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.service.tasks import access
from chalicelib.store import run_table as store
from chalicelib.store import task_table
from chalicelib.store.list_order import Place

WITHOUT_STRANGERS = 7
"""The API level from which on a task that does not exist is a 404; until then it has no runs."""
UPCOMING = (State.PENDING, State.ON_DECK, State.RUNNING, State.NONSTART)


@operation(
    "Runs",
    arguments=[
        EXPANDED,
        KEY,
        moment("start", "Only runs that start then or later"),
        moment("end", "Only runs that end by then"),
        flag("upcoming", "Only runs that are not over yet"),
        word("state", "Only runs in this state", *(state.value for state in State)),
        *pagination.ARGUMENTS,
    ],
    answer=response_schemas.array({"anyOf": [response_schemas.HREF, response_schemas.RUN]}),
    errors=[403],
    paged=True,
)
def list_runs(request: Request, task: str) -> Answer:
    """List a task's runs, ordered by start.

    With `limit`, part of them, and a Link to the next part. Expanded runs are as their own pages show them,
    which without the task's key means without private members.
    """
    uuid = task_id(task)
    if request.api_level >= WITHOUT_STRANGERS:
        task_table.get(request.node, uuid)
    name = f"runs of {uuid}"
    cut = pagination.cut(request, name)
    start, end = request.moment("start"), request.moment("end")
    found = store.behind(request.node, uuid, start, end, cut.after, cut.first_read if cut.limit else None)
    part = pagination.page(found, _filter(request), _place, cut.limit)
    link = pagination.link(request, f"/tasks/{uuid}/runs", name, part.next)
    if not request.flag("expanded"):
        return as_json(request, [href(request, uuid, run.uuid) for run in part.items], headers=link)
    return as_json(request, _expanded(request, uuid, part.items), headers=link)


def _place(run: Run) -> Place:
    return run.start, run.uuid


def _filter(request: Request) -> Callable[[Sequence[Run]], Sequence[Run]]:
    end, upcoming, state = request.moment("end"), request.flag("upcoming"), _state(request)

    def wants(run: Run) -> bool:
        within = end is None or run.end <= end
        ahead = not upcoming or (run.end >= request.now and run.state in UPCOMING)
        seen = run.state is not State.SCHEDULING
        return within and ahead and seen and state in (None, run.state)

    return lambda runs: list(filter(wants, store.kept(runs, request.now)))


def _state(request: Request) -> State | None:
    text = request.args.get("state")
    try:
        return None if text is None else State(text)
    except ValueError as error:
        raise Invalid(f"state: must be one of {', '.join(state.value for state in State)}") from error


def _expanded(request: Request, uuid: TaskId, listed: Sequence[Run]) -> Sequence[JSON]:
    if not listed:
        return []
    task = task_table.get(request.node, uuid)
    whole = store.get_many(request.node, uuid, [run.uuid for run in listed])
    required = access.reading_key(task)
    shown = (describe(request, task, whole[run.uuid]) for run in listed if run.uuid in whole)
    return [access.shown(document, required, request.key) for document in shown]
