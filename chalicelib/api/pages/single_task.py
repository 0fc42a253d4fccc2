"""Pages about tasks (docs/contract/api.md, Tasks)."""

import datetime as dt

from chalicelib.api.http import principal
from chalicelib.api.http.router import JSON_TYPE, Answer, Request, as_json, as_text, task_id
from chalicelib.api.openapi import plugin_schemas, response_schemas
from chalicelib.api.openapi.operations import KEY, flag, header, integer, moment, operation
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Gone, Invalid
from chalicelib.domain.names import TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_timestamp
from chalicelib.service.coordination import participation
from chalicelib.service.coordination.invitation import KEY_IS_MADE_UP
from chalicelib.service.scheduling import begun_runs
from chalicelib.service.scheduling.slots import Proposal, proposals
from chalicelib.service.tasks import access, create, join
from chalicelib.store import task_table as store
from chalicelib.store.task_items import StoredTask

DETAIL = flag("detail", "Include everything that is known about it")
_POSTED = "$response.header.Location#regex:/tasks/([^/?]+)"
LINKS = {
    "task": ("tasks.get_task", {"task": _POSTED}),
    "cli": ("tasks.get_cli", {"task": _POSTED}),
    "runtimes": ("tasks.get_runtimes", {"task": _POSTED}),
    "runs": ("run_list.list_runs", {"task": _POSTED}),
    "first-run": ("runs.get_run", {"task": _POSTED, "run": "first"}),
    "place": ("runs.post_run", {"task": _POSTED}),
    "cancel": ("tasks.delete_task", {"task": _POSTED}),
}
"""Where a posted task leads."""
EXAMPLES = {
    "once": {"schema": 1, "test": {"type": "rtt", "spec": {"dest": "127.0.0.1"}}},
    "hourly": {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT2S"}},
        "schedule": {"start": "PT5M", "repeat": "PT1H", "max-runs": 3, "slip": "PT5M"},
        "reference": {"made-by": "an example"},
    },
}

BOUNDS = (moment("start", "Not before this time"), moment("end", "Not after this time"))


def href(request: Request, task: TaskId) -> str:
    return f"{request.base}/tasks/{task}"


def describe(request: Request, task: Task, detailed: bool) -> dict[str, JSON]:
    own = href(request, task.uuid)
    if not detailed:
        return {**task.shown, "href": own}
    document = {**task.describe(), "href": own}
    runs = f"{own}/runs"
    hrefs = {
        "href": own,
        "runs-href": runs,
        "first-run-href": f"{runs}/first",
        "next-run-href": f"{runs}/next",
    }
    return {**document, "detail": {**document["detail"], **hrefs}}


def visible(request: Request, stored: StoredTask) -> str:
    """JSON of a task without its detail, as everybody may see it: stored as it is shown, but for where."""
    return f'{stored.shown[:-1]},"href":{as_text(href(request, stored.uuid))}}}'


@operation(
    "Tasks",
    arguments=[
        flag("expanded", "Redirect the client to its task"),
        DETAIL,
        flag("dry-run", "Validate it, choose its tool and propose a time, but store nothing"),
        header("Idempotency-Key", "Of several requests with the same key and body, only one creates a task"),
        *principal.ARGUMENTS,
    ],
    body=plugin_schemas.task,
    answer={"anyOf": [response_schemas.HREF, response_schemas.PROPOSAL]},
    answers={303: "With `expanded`: the task is where Location says"},
    headers={"Location": "The task's href"},
    errors=[403, 409, 422, 424],
    links=LINKS,
    examples=EXAMPLES,
)
def post_task(request: Request) -> Answer:
    """Create a task.

    Its first run is placed before the answer, with all its participants if all of them answer. An idempotency
    key is remembered for 24 hours; with another body it is refused with 422.
    """
    hints = principal.hints(request, "measure")
    if request.flag("dry-run"):
        return as_json(
            request, _describe_dry_run(*create.dry_run(request.node, request.json(), hints, request.now))
        )
    key = request.headers.get("idempotency-key")
    task = create.create(request.node, request.json(), hints, request.now, key, request.base)
    own = href(request, task.uuid)
    if not request.flag("expanded"):
        return as_json(request, own, headers={"Location": own})
    flags = "&".join(name for name in ("detail", "pretty") if request.flag(name))
    where = own + (f"?{flags}" if flags else "")
    return as_json(request, own, status=303, headers={"Location": where})


def _describe_dry_run(task: Task, proposal: Proposal) -> dict[str, JSON]:
    """A task as it would be, and when its first run would start."""
    start = proposal.start
    return {
        "task": sanitized(task.describe()),
        "start": format_timestamp(start) if start else None,
        "end": format_timestamp(start + task.duration) if start else None,
        **({"reason": proposal.reason.describe()} if proposal.reason else {}),
    }


@operation(
    "Tasks",
    arguments=[
        integer("participant", "Which of the participants this node is", least=1),
        flag(KEY_IS_MADE_UP, "The lead generated the key, which is not to be shown as part of the task"),
        *principal.ARGUMENTS,
    ],
    body=plugin_schemas.shared_task,
    errors=[403, 422],
)
def join_task(request: Request, task: str) -> Answer:
    """Join a task that another node leads."""
    hints = principal.hints(request, "measure")
    number = request.integer("participant", least=1)
    if number is None:
        raise Invalid("The argument participant is missing")
    is_made_up = request.flag(KEY_IS_MADE_UP) if KEY_IS_MADE_UP in request.args else None
    part = join.Part(number, is_made_up)
    joined = join.join(request.node, task_id(task), part, request.json(), hints, request.now)
    return Answer(href(request, joined.uuid))


@operation("Tasks", arguments=[DETAIL, KEY], answer=response_schemas.TASK, errors=[403], conditional=True)
def get_task(request: Request, task: str) -> Answer:
    """Get a task."""
    detailed = request.flag("detail")
    if detailed:
        request.take_time()
    stored = store.find(request.node, task_id(task))
    if request.key is None and not detailed and not request.flag("pretty"):
        return Answer(visible(request, stored), JSON_TYPE)
    found = stored.read()
    document = describe(request, begun_runs.shown(found, request.now) if detailed else found, detailed)
    required = found.key if found.is_lead else None
    return as_json(request, access.shown(document, required, request.key))


@operation("Tasks", arguments=[KEY], errors=[403, 409])
def delete_task(request: Request, task: str) -> Answer:
    """Cancel a task.

    It is kept, but no more runs are placed; future runs are removed, one in progress is stopped.
    """
    found = store.get(request.node, task_id(task))
    principal.require_write(found, request)
    participation.of(found).cancel(request.now)
    return Answer("OK")


@operation("Tasks", arguments=[KEY], answer=response_schemas.array(response_schemas.STRING), errors=[403])
def get_cli(request: Request, task: str) -> Answer:
    """Get the test's type and the command-line arguments that produce its spec.

    Without the task's key, private members are left out.
    """
    found = store.get(request.node, task_id(task))
    return as_json(request, [found.test, *access.arguments(found, request.key)])


@operation(
    "Tasks",
    arguments=[*BOUNDS, integer("priority", "Also times of runs that this priority preempts")],
    answer=response_schemas.array(response_schemas.RANGE),
    errors=[410],
)
def get_runtimes(request: Request, task: str) -> Answer:
    """List the times at which a run of the task would fit.

    At a participant where a task that another node leads was cancelled, there is none: its lead then ends it.
    """
    uuid = task_id(task)
    start, end = request.moment("start"), request.moment("end")
    priority = request.integer("priority")
    stored = store.find(request.node, uuid)
    if not stored.is_enabled and not stored.read().is_lead:
        raise Gone(f"Task {uuid} was cancelled at this participant")
    if stored.is_anytime:
        return as_json(request, [_range(start, end)])
    request.take_time()
    free = proposals(stored.read(), start, end, priority, request.now)
    return as_json(request, [_range(one.lower, one.upper) for one in free])


def _range(lower: dt.datetime | None, upper: dt.datetime | None) -> dict[str, JSON]:
    return {
        "lower": format_timestamp(lower) if lower else None,
        "upper": format_timestamp(upper) if upper else None,
    }
