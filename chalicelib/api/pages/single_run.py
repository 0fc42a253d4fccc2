"""Pages about runs (docs/contract/api.md, Runs)."""

import datetime as dt

from chalicelib.api.http import principal
from chalicelib.api.http.request import LARGEST_BODY, LARGEST_DOCUMENT
from chalicelib.api.http.router import Answer, Request, as_json, run_id, task_id
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import KEY, flag, integer, operation
from chalicelib.api.pages.single_task import href as task_href
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.documents import DEEPEST_REPLY
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON, KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import format_duration, parse_timestamp
from chalicelib.service.archiving import attempt
from chalicelib.service.coordination import participation, run_updates
from chalicelib.service.scheduling.cancellation import delete_run as discard
from chalicelib.service.tasks import access
from chalicelib.store import delivery_table, task_table
from chalicelib.store import run_table as store

USUAL_WAIT = 30
"""Seconds a client is kept waiting when it does not say how long."""
LONGEST_WAIT = 25
"""Seconds it is kept at most: API Gateway gives up after 29."""

START_TIME = {
    "type": "object",
    "properties": {"schema": {"const": 1}, "start-time": response_schemas.TIME},
    "required": ["start-time"],
}
_DATA = response_schemas.shape(
    {"part-data-full": response_schemas.nullable(response_schemas.array(response_schemas.ANY))}
)
_RESULTS = response_schemas.shape(
    {
        "result-full": response_schemas.nullable(response_schemas.array(response_schemas.ANY)),
        "succeeded": response_schemas.BOOLEAN,
    }
)
RUN_UPDATE = {"anyOf": [START_TIME, _DATA, _RESULTS]}
RUN_NAME = {"anyOf": [{"type": "string", "format": "uuid"}, {"enum": ["first", "next"]}]}


def href(request: Request, task: TaskId, run: RunId) -> str:
    return f"{task_href(request, task)}/runs/{run}"


def describe(request: Request, task: Task, run: Run) -> dict[str, JSON]:
    own = href(request, task.uuid, run.uuid)
    archivings = [attempt.describe(delivery) for delivery in _deliveries(task, run)]
    return {
        **run.describe(task),
        **({"archivings": archivings} if archivings else {}),
        "href": own,
        "task-href": task_href(request, task.uuid),
        "result-href": f"{own}/result",
    }


def _deliveries(task: Task, run: Run) -> list[Delivery]:
    # A run that failed has no result, and may be delivered all the same; and the node may have archives.
    return delivery_table.of_run(task.node, run.uuid) if run.state.is_final else []


@operation(
    "Runs", arguments=[KEY], body=START_TIME, answer=response_schemas.HREF, errors=[403, 409, 422, 424]
)
def post_run(request: Request, task: str) -> Answer:
    """Schedule a run at the time in the body."""
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    start = _start_time(_object(request), request.now)
    if not found.is_lead:
        raise Invalid("Runs of this task are placed by its first participant")
    placed = participation.of(found).place_at(start, request.now)
    return as_json(request, href(request, found.uuid, placed.uuid))


def _object(request: Request, largest: int = LARGEST_DOCUMENT) -> dict[str, JSON]:
    body = request.json(DEEPEST_REPLY, largest)  # a result holds what was posted, wrapped
    if not isinstance(body, dict):
        raise Invalid("must be an object", "")
    schema = body.get("schema", 1)
    if isinstance(schema, bool) or schema != 1:
        raise Invalid(f"must be 1, not {shown(schema)}", "/schema")
    return body


def _start_time(body: dict[str, JSON], now: dt.datetime) -> dt.datetime:
    text = body.get("start-time")
    if not isinstance(text, str):
        raise Invalid("must be a timestamp", "/start-time")
    try:
        start = parse_timestamp(text)
    except Invalid as error:
        raise error.inside("/start-time") from error
    if start > now + HORIZON:
        raise Invalid(
            f"must be within {format_duration(HORIZON)} from now, the schedule horizon", "/start-time"
        )
    if start < now - KEEP_AFTER_LAST_RUN:
        raise Invalid(f"must be at most {format_duration(KEEP_AFTER_LAST_RUN)} ago", "/start-time")
    return start


@operation(
    "Runs",
    arguments=[
        flag("wait-local", "Wait for this participant's result"),
        flag("wait-merged", "Wait for the merged result"),
        integer("wait", f"Seconds to wait, {USUAL_WAIT} if absent, {LONGEST_WAIT} at most", least=0),
        KEY,
    ],
    path={"run": RUN_NAME},
    answer=response_schemas.RUN,
    errors=[403],
    conditional=True,
)
def get_run(request: Request, task: str, run: str) -> Answer:
    """Get a run by its identifier, or as `first` (the earliest) or `next` (the earliest to come).

    Can wait for the run, or for its result.
    """
    found = task_table.get(request.node, task_id(task))
    local, merged = request.flag("wait-local"), request.flag("wait-merged")
    if local and merged:
        raise Invalid("wait-local and wait-merged cannot be combined")
    patience = request.integer("wait", least=0)
    seconds = min(LONGEST_WAIT, USUAL_WAIT if patience is None else patience)
    shown = visible(request, found.uuid, named(request, found, run, seconds))
    if (local or merged) and not _is_there(shown, merged):
        request.wait(found.uuid, seconds)
    document = describe(request, found, shown)
    return as_json(request, access.shown(document, found.key or found.participant_key, request.key))


def named(request: Request, task: Task, run: str, seconds: float) -> RunId:
    """The identifier of a run that a path names: ``first`` and ``next`` are waited for. Raises NotFound."""
    if run not in ("first", "next"):
        return run_id(run)
    not_before = request.now if run == "next" else None
    uuid = store.first(task.node, task.uuid, not_before, request.now)
    if uuid is None:
        request.wait(task.uuid, seconds)
        raise NotFound(f"The task has no {run} run")
    return uuid


def visible(request: Request, task: TaskId, run: RunId) -> Run:
    """A run that clients may see: not one that its participants are still agreeing on, nor one that was kept
    long enough and has only not been dropped yet."""
    found = store.get(request.node, task, run)
    if found.state is State.SCHEDULING or found.is_forgotten(request.now):
        raise NotFound(f"There is no run {run} of task {task}")
    return found


def _is_there(run: Run, merged: bool) -> bool:
    if merged:
        return run.documents.result_full is not None and run.state.is_finished
    return run.documents.result is not None


@operation("Runs", arguments=[KEY], body=RUN_UPDATE, errors=[403, 409, 422, 424])
def put_run(request: Request, task: str, run: str) -> Answer:
    """Schedule a run under a given identifier, or update the data and results of an existing one."""
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    body, uuid = _object(request, LARGEST_BODY), run_id(run)
    try:
        known = store.get(request.node, found.uuid, uuid)
    except NotFound:
        participation.place_once(found, _start_time(body, request.now), request.now, uuid)
        return Answer("OK")
    run_updates.update(found, known, body, request.now)
    return Answer("OK")


@operation("Runs", arguments=[KEY], errors=[403, 409])
def delete_run(request: Request, task: str, run: str) -> Answer:
    """Delete a run.

    A run in progress is cancelled instead, and its tool stopped.
    """
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    uuid = run_id(run)
    discard(found, store.get(request.node, found.uuid, uuid).uuid, request.now)
    return Answer("OK")
