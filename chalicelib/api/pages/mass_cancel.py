"""The page that cancels many tasks at once (an addition to the reference's API)."""

import dataclasses
import json

from chalicelib.api.http import pagination, principal
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import KEY, flag, operation
from chalicelib.api.pages.single_task import href
from chalicelib.api.pages.task_list import place_of
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.schemas import JSON, MESSAGE, Checker, closed
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import ANY, TaskFilter
from chalicelib.service.coordination import participation
from chalicelib.service.tasks import access
from chalicelib.service.tasks.search import Search

CURSORS = "tasks to cancel"


def _name(what: str, example: str) -> dict[str, JSON]:
    # A task has its test as an object, so this is where people put one.
    wanted = f"must be {what} alone, such as {json.dumps(example)}; what tasks hold goes into json"
    return {"type": "string", "examples": [example], MESSAGE: f"{wanted}; not {{value!r}}"}


FILTER = closed(
    {
        "json": {"type": "object", "description": "Tasks that hold this"},
        "test": _name("the name of a test", "rtt"),
        "tool": _name("the name of a tool", "ping"),
        "requester": _name("an address that tasks were posted from", "192.0.2.1"),
        "reference": {"description": "Tasks whose reference holds this"},
    }
)
BODY = closed({"filter": FILTER}, ("filter",))
_CHECKER = Checker(BODY)
ANSWER = response_schemas.shape(
    {
        "canceled": response_schemas.array(response_schemas.HREF),
        "refused": response_schemas.array(response_schemas.HREF),
        "dry-run": response_schemas.BOOLEAN,
        "complete": response_schemas.BOOLEAN,
    }
)


@operation(
    "Tasks",
    arguments=[
        KEY,
        flag("dry-run", "Report which tasks it would be, and cancel none"),
        *pagination.ARGUMENTS,
    ],
    body=BODY,
    answer=ANSWER,
    paged=True,
    examples={"by reference": {"filter": {"test": "idle", "reference": {"made-by": "an example"}}}},
)
def cancel_tasks(request: Request) -> Answer:
    """Cancel all enabled tasks that match a filter.

    Tasks that the caller may not cancel are left alone and listed. An empty filter matches every task. On a
    node that is reachable beyond loopback, cancelling others' tasks requires its operator's token or an API
    key with the scope administer. `complete` is false if there may be more: post again to the Link.
    """
    may_all = principal.administers(request)
    wanted, cut = _filter(request.json()), pagination.cut(request, CURSORS)
    search = Search(request.node, wanted, cut.after, cut.first_read)
    part = pagination.page(search.tasks, search.chosen, place_of, cut.limit or pagination.PAGE)
    link = pagination.link(request, "/tasks/cancel", CURSORS, part.next)
    listed = [stored.read() for stored in part.items]
    allowed = [task for task in listed if may_all or _may_cancel(task, request)]
    if not request.flag("dry-run"):
        for task in allowed:
            participation.cancel(request.node, task.uuid, request.now, at_once=0)
    document = {
        "canceled": [href(request, task.uuid) for task in allowed],
        "refused": [href(request, task.uuid) for task in listed if task not in allowed],
        "dry-run": request.flag("dry-run"),
        "complete": part.next is None,
    }
    return as_json(request, document, headers=link)


def _filter(body: JSON) -> TaskFilter:
    fault = _CHECKER.fault(body)
    if fault:
        raise fault
    asked = body["filter"]
    return TaskFilter(
        held=asked.get("json", {}),
        test=asked.get("test"),
        tool=asked.get("tool"),
        requester=asked.get("requester"),
        enabled=True,
        reference=asked.get("reference", ANY),
    )


def _may_cancel(task: Task, request: Request) -> bool:
    caller = principal.caller(request)
    if principal.may_be_reached_by_others():
        caller = dataclasses.replace(caller, is_direct=False)  # being this host is not enough for so many
    try:
        access.require_write(task, caller, request.key)
    except Forbidden:
        return False
    return True
