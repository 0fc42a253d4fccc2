"""Pages about runs (docs/contract/api.md, Runs)."""

import datetime as dt
import time
from collections.abc import Callable
from typing import TypeVar

from chalicelib.api.http import principal
from chalicelib.api.http.routing import Answer, Request, as_json, run_id, task_id
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import KEY, flag, integer, operation
from chalicelib.api.pages.single_task import href as task_href
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.documents import DEEPEST_REPLY
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON, KEEP_AFTER_LAST_RUN, Task
from chalicelib.domain.times import parse_timestamp
from chalicelib.service.archiving import attempt
from chalicelib.service.coordination import participation, updates
from chalicelib.service.scheduling.cancellation import delete_run as discard
from chalicelib.service.tasks import access
from chalicelib.store import delivery_table, task_table
from chalicelib.store import run_table as store

USUAL_WAIT = 30
"""Seconds a client is kept waiting when it does not say how long."""
LONGEST_WAIT = 25
"""Seconds it is kept at most: API Gateway gives up after 29."""
LOOK_EVERY = 0.5

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

Found = TypeVar("Found")


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
    # A run that failed has no result, and may be delivered all the same.
    return delivery_table.of_run(task.node, run.uuid) if task.archives and run.state.is_final else []


@operation(
    "Runs", arguments=[KEY], body=START_TIME, answer=response_schemas.HREF, errors=[403, 409, 422, 424]
)
def post_run(request: Request, task: str) -> Answer:
    """Place a run at the second the body asks for."""
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    start = _start_time(_object(request), request.now)
    if not found.is_lead:
        raise Invalid("Runs of this task are placed by its first participant")
    placed = participation.of(found).place_at(start, request.now)
    return as_json(request, href(request, found.uuid, placed.uuid))


def _object(request: Request) -> dict[str, JSON]:
    body = request.json(DEEPEST_REPLY)  # a result holds what was posted, wrapped
    if not isinstance(body, dict):
        raise Invalid("The body must be an object")
    schema = body.get("schema", 1)
    if isinstance(schema, bool) or schema != 1:
        raise Invalid(f"/schema: {schema!r} is not supported")
    return body


def _start_time(body: dict[str, JSON], now: dt.datetime) -> dt.datetime:
    text = body.get("start-time")
    if not isinstance(text, str):
        raise Invalid("/start-time: must be a timestamp")
    start = parse_timestamp(text)
    if start > now + HORIZON:
        raise Invalid("/start-time: is beyond the schedule horizon")
    if start < now - KEEP_AFTER_LAST_RUN:
        raise Invalid("/start-time: is so long ago that such a run would be forgotten already")
    return start


@operation(
    "Runs",
    arguments=[
        flag("wait-local", "Wait for this participant's result"),
        flag("wait-merged", "Wait for the whole result"),
        integer("wait", f"Seconds to wait, {USUAL_WAIT} if absent, {LONGEST_WAIT} at most", least=0),
        KEY,
    ],
    path={"run": RUN_NAME},
    answer=response_schemas.RUN,
    errors=[403],
    conditional=True,
)
def get_run(request: Request, task: str, run: str) -> Answer:
    """One run.

    By its identifier, or as `first` (the earliest there is) or `next` (the earliest to come); may
    wait for that, or for its result.
    """
    found = task_table.get(request.node, task_id(task))
    local, merged = request.flag("wait-local"), request.flag("wait-merged")
    if local and merged:
        raise Invalid("wait-local and wait-merged exclude each other")
    patience = request.integer("wait", least=0)
    seconds = min(LONGEST_WAIT, USUAL_WAIT if patience is None else patience)
    uuid = _named(found, run, request.now, seconds)
    shown = visible(request.node, found.uuid, uuid)
    if (local or merged) and not _is_there(shown, merged):
        shown = _wait_for(lambda: _there(request.node, found.uuid, uuid, merged), seconds) or visible(
            request.node, found.uuid, uuid
        )
    document = describe(request, found, shown)
    return as_json(request, access.shown(document, found.key or found.participant_key, request.key))


def _named(task: Task, run: str, now: dt.datetime, seconds: float) -> RunId:
    if run not in ("first", "next"):
        return run_id(run)
    not_before = now if run == "next" else None
    uuid = _wait_for(lambda: store.first(task.node, task.uuid, not_before), seconds)
    if uuid is None:
        raise NotFound(f"The task has no {run} run")
    return uuid


def visible(node: NodeName, task: TaskId, run: RunId) -> Run:
    """A run that clients may see: one that its participants are still agreeing on is not."""
    found = store.get(node, task, run)
    if found.state is State.SCHEDULING:
        raise NotFound(f"There is no run {run} of task {task}")
    return found


def _there(node: NodeName, task: TaskId, run: RunId, merged: bool) -> Run | None:
    found = visible(node, task, run)
    return found if _is_there(found, merged) else None


def _is_there(run: Run, merged: bool) -> bool:
    if merged:
        return run.documents.result_full is not None and run.state.is_finished
    return run.documents.result is not None


def _wait_for(look: Callable[[], Found | None], seconds: float) -> Found | None:
    """Look until something is there; once, at least."""
    until = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() + LOOK_EVERY <= until:
        time.sleep(LOOK_EVERY)
    return found


@operation("Runs", arguments=[KEY], body=RUN_UPDATE, errors=[403, 409, 422, 424])
def put_run(request: Request, task: str, run: str) -> Answer:
    """Place a run under a given identifier, or tell one that is there what its participants have said."""
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    body, uuid = _object(request), run_id(run)
    try:
        known = store.get(request.node, found.uuid, uuid)
    except NotFound:
        participation.of(found).place_at(_start_time(body, request.now), request.now, uuid)
        return Answer("OK")
    updates.update(found, known, body, request.now)
    return Answer("OK")


@operation("Runs", arguments=[KEY], errors=[403, 409])
def delete_run(request: Request, task: str, run: str) -> Answer:
    """Forget a run.

    One under way is cancelled instead, and its tool stopped.
    """
    found = task_table.get(request.node, task_id(task))
    principal.require_write(found, request)
    uuid = run_id(run)
    discard(found, store.get(request.node, found.uuid, uuid).uuid, request.now)
    return Answer("OK")
