"""The page of a run's result (docs/contract/api.md, Runs)."""

import time

from chalicelib.api.http.routing import (
    HTML_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    Answer,
    Request,
    as_json,
    run_id,
    task_id,
)
from chalicelib.api.openapi import plugin_schemas
from chalicelib.api.openapi.operations import KEY, flag, operation, word
from chalicelib.api.pages.single_run import LOOK_EVERY, visible
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.tasks import access
from chalicelib.store import task_table
from plugins import registry
from plugins.sdk.show import Lines, render

FORMATS = (JSON_TYPE, HTML_TYPE, TEXT_TYPE)
SECONDS_FOR_RESULT = 10.0
"""Seconds that ``wait`` waits."""
FAILED = "The test failed."
NO_RESULT = "The run has no result"


@operation(
    "Runs",
    arguments=[
        word("format", "How to show it", *FORMATS),
        flag("wait", f"Wait for it, up to {SECONDS_FOR_RESULT:.0f} seconds"),
        KEY,
    ],
    answer=plugin_schemas.any_result,
    kinds=[TEXT_TYPE, HTML_TYPE],
    errors=[403],
    conditional=True,
)
def get_result(request: Request, task: str, run: str) -> Answer:
    """A run's result, as JSON, or as text or HTML for a person to read.

    A run that failed may have none: the text says why then, and the JSON is a 404 that does.
    """
    kind = request.args.get("format", JSON_TYPE)
    if kind not in FORMATS:
        raise Invalid(f"format: must be one of {', '.join(FORMATS)}")
    found = task_table.get(request.node, task_id(task))
    result = _wait(found, run_id(run), SECONDS_FOR_RESULT if request.flag("wait") else 0.0)
    merged = result.documents.result_merged
    if merged is None and (kind == JSON_TYPE or not _has_failed(result)):
        raise NotFound(f"The run has no result: {result.failure}" if result.failure else NO_RESULT)
    whole = access.opens(access.reading_key(found), request.key)
    shown = merged if whole else sanitized(merged)
    if kind == JSON_TYPE:
        return as_json(request, shown)
    return Answer(_formatted(found, result, shown, kind, whole), kind)


def _has_failed(run: Run) -> bool:
    # One that streamed its results has finished, and has none itself.
    return run.state.is_final and run.state is not State.FINISHED


def _wait(task: Task, run: RunId, seconds: float) -> Run:
    until = time.monotonic() + seconds
    found = visible(task.node, task.uuid, run)
    while found.documents.result_merged is None and not found.state.is_final and time.monotonic() < until:
        time.sleep(LOOK_EVERY)
        found = visible(task.node, task.uuid, run)
    return found


def _formatted(task: Task, run: Run, merged: JSON, kind: str, whole: bool) -> str:
    if not isinstance(merged, dict) or not merged.get("succeeded"):
        return render([Lines([FAILED, *(run.failure or "").splitlines()])], kind)
    spec = task.spec if whole else sanitized(task.spec)
    return render(registry.tests()[task.test].show(spec, merged), kind)
