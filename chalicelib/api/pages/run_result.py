"""The page of a run's result (docs/contract/api.md, Runs)."""

import dataclasses
import html

from chalicelib.api.http.negotiation import preferred
from chalicelib.api.http.router import HTML_TYPE, JSON_TYPE, TEXT_TYPE, Answer, Request, as_json, task_id
from chalicelib.api.openapi import plugin_schemas
from chalicelib.api.openapi.operations import KEY, Argument, operation, word
from chalicelib.api.pages.single_run import LONGEST_WAIT, RUN_NAME, named, visible
from chalicelib.domain import numerals
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Invalid, NotFound
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
"""Seconds that ``wait`` waits where it does not say how many."""
FAILED = "The test failed."
NO_RESULT = "The run has no result"
SAFE = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of HTML: what a result says may come from strangers, and runs nothing and loads nothing."""
PAGE = (
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>\n'
    "<body>\n<h1>{title}</h1>\n<pre>{text}</pre>\n</body>\n</html>"
)


@operation(
    "Runs",
    arguments=[
        word("format", "How to show it; as Accept prefers if absent", *FORMATS),
        Argument(
            "wait",
            f"Wait for it, {SECONDS_FOR_RESULT:.0f} seconds or as many as given, {LONGEST_WAIT} at most",
            {"type": "string", "examples": ["10", "true", ""]},
        ),
        KEY,
    ],
    path={"run": RUN_NAME},
    answer=plugin_schemas.any_result,
    kinds=[TEXT_TYPE, HTML_TYPE],
    errors=[403],
    conditional=True,
)
def get_result(request: Request, task: str, run: str) -> Answer:
    """Get a run's result, as JSON, or as text or HTML for people.

    The run is given by its identifier, or as `first` or `next`. A failed run may have no result: then the
    text says why, and so does the JSON, with a 404.
    """
    asked = request.args.get("format")
    if asked not in (None, *FORMATS):
        raise Invalid(f"format: must be one of {', '.join(FORMATS)}")
    kind = asked or preferred(request.headers, FORMATS)
    found = task_table.get(request.node, task_id(task))
    result = visible(request, found.uuid, named(request, found, run, _seconds(request)))
    merged = result.documents.result_merged
    if merged is None and not result.state.is_final:
        request.wait(found.uuid, _seconds(request))
    if merged is None and (kind == JSON_TYPE or not _has_failed(result)):
        raise NotFound(f"The run has no result: {result.failure}" if result.failure else NO_RESULT)
    whole = access.opens(access.reading_key(found), request.key)
    shown = merged if whole else sanitized(merged)
    return _answer(request, kind, shown, _Told(found, result, whole)).with_headers(Vary="Accept")


@dataclasses.dataclass(frozen=True)
class _Told:
    """The run that is told of; ``whole`` to who may see what is private."""

    task: Task
    run: Run
    whole: bool

    def formatted(self, merged: JSON, kind: str) -> str:
        if not isinstance(merged, dict) or not merged.get("succeeded"):
            return render([Lines([FAILED, *(self.run.failure or "").splitlines()])], kind)
        spec = self.task.spec if self.whole else sanitized(self.task.spec)
        return render(registry.tests()[self.task.test].show(spec, merged), kind)


def _answer(request: Request, kind: str, shown: JSON, told: _Told) -> Answer:
    if kind == JSON_TYPE:
        return as_json(request, shown)
    if kind == TEXT_TYPE:
        return Answer(told.formatted(shown, kind), kind)
    if "format" in request.args:  # clients put it into pages of their own
        return Answer(told.formatted(shown, kind), kind, headers=SAFE)
    page = {"title": f"{told.task.test}: run {told.run.uuid}", "text": told.formatted(shown, TEXT_TYPE)}
    escaped = {name: html.escape(text) for name, text in page.items()}
    return Answer(PAGE.format(**escaped), kind, headers=SAFE)


def _has_failed(run: Run) -> bool:
    # One that streamed its results has finished, and has none itself.
    return run.state.is_final and run.state is not State.FINISHED


def _seconds(request: Request) -> float:
    """How long to wait: as a flag has it, or as many seconds as the argument says."""
    text = request.args.get("wait", "0")
    seconds = None if text == "1" else numerals.whole(text)
    if seconds is not None:
        return min(seconds, LONGEST_WAIT)
    return SECONDS_FOR_RESULT if request.flag("wait") else 0.0
