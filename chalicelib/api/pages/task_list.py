"""The page that lists tasks (contract/api.md, ``GET /tasks``; paging and filters are additions)."""

import functools

from chalicelib.api.http import paging
from chalicelib.api.http.routing import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import EXPANDED, document, flag, operation, word
from chalicelib.api.pages.single_task import DETAIL, describe, href
from chalicelib.domain.documents import sanitized
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import ANY, TaskFilter
from chalicelib.service.tasks.search import as_they_are, chosen
from chalicelib.store import task_table as store
from chalicelib.store.ordering import Place

CURSORS = "tasks"
FILTERS = (
    document("json", "Only tasks that hold this; null for all"),
    word("test", "Only tasks of this test"),
    word("tool", "Only tasks performed with this tool"),
    flag("enabled", "Only tasks that are enabled, or with `no` those that are not"),
    word("requester", "Only tasks posted from this address"),
    document("reference", "Only tasks whose reference holds this"),
)


@operation(
    "Tasks",
    arguments=[EXPANDED, DETAIL, *FILTERS, *paging.ARGUMENTS],
    answer=response_schemas.array({"anyOf": [response_schemas.HREF, response_schemas.TASK]}),
    paged=True,
)
def list_tasks(request: Request) -> Answer:
    """All tasks, in the order they were added.

    With `limit`, part of them, and a Link to the next part. Where few of many are wanted a part may
    hold less than its limit, or nothing: the list ends where there is no Link.
    """
    cut = paging.cut(request, CURSORS)
    found = store.every(request.node, cut.after, cut.first_read if cut.limit else None)
    part = paging.page(found, functools.partial(chosen, request.node, _filter(request)), place_of, cut.limit)
    link = paging.link(request, "/tasks", CURSORS, part.next)
    if not request.flag("expanded"):
        return as_json(request, [href(request, task.uuid) for task in part.items], headers=link)
    detailed = request.flag("detail")
    shown = as_they_are(request.node, part.items) if detailed else part.items
    return as_json(request, [sanitized(describe(request, task, detailed)) for task in shown], headers=link)


def place_of(task: Task) -> Place:
    """A task's place in the list."""
    return task.added, task.uuid


def _filter(request: Request) -> TaskFilter:
    asked = request.args
    return TaskFilter(
        held=_held(request),
        test=asked.get("test"),
        tool=asked.get("tool"),
        requester=asked.get("requester"),
        enabled=request.flag("enabled") if "enabled" in asked else None,
        reference=request.document("reference") if "reference" in asked else ANY,
    )


def _held(request: Request) -> JSON:
    """The document that tasks have to hold; null asks for nothing, as if the argument were absent."""
    wanted = request.document("json") if "json" in request.args else None
    return {} if wanted is None else wanted
