"""The page that lists tasks (docs/contract/api.md, ``GET /tasks``; paging and filters are additions)."""

import json
from collections.abc import Callable, Sequence

from chalicelib.api.http import pagination
from chalicelib.api.http.router import Answer, Request, as_json_array, as_text
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import EXPANDED, document, flag, operation, word
from chalicelib.api.pages.single_task import DETAIL, describe, href
from chalicelib.domain.documents import sanitized
from chalicelib.domain.names import NO_TASK
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task_filter import ANY, TaskFilter
from chalicelib.service.tasks.search import Search
from chalicelib.store.list_order import Place
from chalicelib.store.task_items import StoredTask

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
    arguments=[EXPANDED, DETAIL, *FILTERS, *pagination.ARGUMENTS],
    answer=response_schemas.array({"anyOf": [response_schemas.HREF, response_schemas.TASK]}),
    paged=True,
)
def list_tasks(request: Request) -> Answer:
    """List tasks, in the order they were added.

    With `limit`, part of them, and a Link to the next part. With a filter that matches few, a part may be
    shorter than its limit, or empty: the list ends where there is no Link.
    """
    cut = pagination.cut(request, CURSORS)
    search = Search(request.node, _filter(request), cut.after, cut.first_read if cut.limit else None)
    lines = _lines(request, search)
    if cut.limit is None:
        return as_json_array(request, map(lines, pagination.pieces(search.tasks, search.chosen)))
    part = pagination.page(search.tasks, search.chosen, place_of, cut.limit)
    link = pagination.link(request, "/tasks", CURSORS, part.next)
    return as_json_array(request, iter([lines(part.items)]), headers=link)


def _lines(request: Request, search: Search) -> Callable[[Sequence[StoredTask]], list[str]]:
    """What shows some tasks: the JSON of each."""
    if not request.flag("expanded"):
        return lambda found: [json.dumps(href(request, stored.uuid)) for stored in found]
    if request.flag("detail"):
        return lambda found: [
            as_text(sanitized(describe(request, task, detailed=True))) for task in search.as_they_are(found)
        ]
    # What everybody may see of a task is stored as it is shown, but for where that is.
    where = json.dumps(href(request, NO_TASK))[:-1]
    return lambda found: [f'{stored.shown[:-1]},"href":{where}{stored.uuid}"}}' for stored in found]


def place_of(stored: StoredTask) -> Place:
    """A task's place in the list."""
    return stored.place


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
