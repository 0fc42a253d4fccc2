"""The pages that show the runs of all tasks in time (contract/api.md, Schedule)."""

import datetime as dt
from collections.abc import Iterator

from chalicelib.api import shapes
from chalicelib.api.http import Answer, Request, as_json, identifier
from chalicelib.api.operations import Argument, moment, operation, word
from chalicelib.api.runs import href as run_href
from chalicelib.api.tasks import href as task_href
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import HORIZON, KEEP, Task
from chalicelib.domain.times import format_timestamp
from chalicelib.store import runs, tasks
from plugins import registry

HOUR = dt.timedelta(hours=1)


@operation(
    "Schedule",
    arguments=[
        moment("start", "Runs that end later"),
        moment("end", "Runs that start earlier"),
        Argument("task", "Of this task alone", {"type": "string", "format": "uuid"}),
        word("format", "How to show it", "json"),
    ],
    answer=shapes.array(shapes.SCHEDULED),
)
def schedule(request: Request) -> Answer:
    """The runs of all tasks that overlap a stretch of time, in time order."""
    start, end = request.moment("start"), request.moment("end")
    if request.args.get("format", "json") != "json":
        raise Invalid("format: this node has no charts yet; only json")
    if "task" in request.args:
        found = runs.in_order(_task_argument(request))
    else:
        found = _on_calendar(start or request.now - KEEP, end or request.now + HORIZON)
    wanted = [run for run in found if _overlaps(run, start, end)]
    known = tasks.get_many([run.task for run in wanted])
    shown = [_describe(request, known[run.task], run) for run in wanted if run.task in known]
    return as_json(request, sanitized(shown))


def _task_argument(request: Request) -> str:
    try:
        return identifier(request.args["task"])
    except NotFound as trouble:
        raise Invalid("task: is no identifier") from trouble


def _on_calendar(start: dt.datetime, end: dt.datetime) -> Iterator[Run]:
    # A run is filed under the hour it starts in; those that began earlier and reach into the range
    # are found as far back as the horizon, the longest that runs are usually given.
    hour = (start - HORIZON).replace(minute=0, second=0, microsecond=0)
    while hour <= end:
        yield from runs.on_calendar(hour)
        hour += HOUR


def _overlaps(run: Run, start: dt.datetime | None, end: dt.datetime | None) -> bool:
    return (end is None or run.start < end) and (start is None or run.end > start)


def _describe(request: Request, task: Task, run: Run) -> dict[str, JSON]:
    own = run_href(request, task.uuid, run.uuid)
    return {
        "start-time": format_timestamp(run.start),
        "end-time": format_timestamp(run.end),
        "href": own,
        "result-href": f"{own}/result",
        "state": run.state.value,
        "state-display": run.state.display,
        "task": {**_without_detail(task), "href": task_href(request, task.uuid)},
        "cli": list(task.cli),
        "test": registry.tests()[task.test].enumeration(),
        "tool": registry.tools()[task.tool].enumeration(),
        "errors": run.errors,
        "priority": run.priority,
    }


def _without_detail(task: Task) -> dict[str, JSON]:
    document = task.describe()
    del document["detail"]
    return document
