"""The page that lists tasks (contract/api.md, ``GET /tasks``; paging and filters are additions)."""

from collections.abc import Callable, Mapping, Sequence

from chalicelib.api import paging, shapes
from chalicelib.api.http import Answer, Request, as_json
from chalicelib.api.operations import EXPANDED, document, flag, operation, word
from chalicelib.api.tasks import DETAIL, describe, href
from chalicelib.domain.documents import contains, sanitized
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.store import tasks as store
from chalicelib.store.ordering import Place

NAME = "tasks"
FILTERS = (
    document("json", "Only tasks that hold this"),
    word("test", "Only tasks of this test"),
    word("tool", "Only tasks performed with this tool"),
    flag("enabled", "Only tasks that are enabled, or with `no` those that are not"),
    word("requester", "Only tasks posted from this address"),
    document("reference", "Only tasks whose reference holds this"),
)

Filter = Callable[[Sequence[Task]], Sequence[Task]]


@operation(
    "Tasks",
    arguments=[EXPANDED, DETAIL, *FILTERS, *paging.ARGUMENTS],
    answer=shapes.array({"anyOf": [shapes.HREF, shapes.TASK]}),
    paged=True,
)
def list_tasks(request: Request) -> Answer:
    """All tasks, in the order they were added.

    With `limit`, part of them, and a Link to the next part. Where few of many are wanted a part may
    hold less than its limit, or nothing: the list ends where there is no Link.
    """
    cut = paging.cut(request, NAME)
    found = store.every(cut.after, cut.first_read if cut.limit else None)
    part = paging.page(found, _filter(request), _place, cut.limit)
    link = paging.link(request, "/tasks", NAME, part.next)
    if not request.flag("expanded"):
        return as_json(request, [href(request, task.uuid) for task in part.items], headers=link)
    detailed = request.flag("detail")
    shown = _as_they_are(part.items) if detailed else part.items
    return as_json(request, [sanitized(describe(request, task, detailed)) for task in shown], headers=link)


def _place(task: Task) -> Place:
    return task.added, task.uuid


def _filter(request: Request) -> Filter:
    """The tasks a request wants, of several. What changes about them is only read where it is asked for."""
    wanted = request.document("json") if "json" in request.args else {}
    # Nothing but an object is held by a task: any other document finds none.
    if not isinstance(wanted, dict):
        return lambda tasks: []
    fixed = {name: value for name, value in wanted.items() if name != "detail"}
    plain = _plain_filter(request)
    details = wanted.get("detail", {})

    def wants(tasks: Sequence[Task]) -> Sequence[Task]:
        held = [task for task in tasks if contains(task.document, fixed) and plain(task)]
        if "detail" not in wanted:
            return held
        return [task for task in _as_they_are(held) if contains(task.detail(), details)]

    return wants


def _plain_filter(request: Request) -> Callable[[Task], bool]:
    """Whether a task is one the single arguments ask for."""
    asked = request.args
    reference = request.document("reference") if "reference" in asked else None
    enabled = request.flag("enabled")

    def wants(task: Task) -> bool:
        return (
            _is(asked, "test", task.test)
            and _is(asked, "tool", task.tool)
            and _is(asked, "requester", task.hints.get("requester"))
            and ("enabled" not in asked or task.enabled == enabled)
            and ("reference" not in asked or contains(task.document.get("reference"), reference))
        )

    return wants


def _is(asked: Mapping[str, str], name: str, value: JSON) -> bool:
    return name not in asked or asked[name] == value


def _as_they_are(listed: Sequence[Task]) -> list[Task]:
    known = store.get_many([task.uuid for task in listed])
    return [known[task.uuid] for task in listed if task.uuid in known]
