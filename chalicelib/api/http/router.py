"""Serving a path: from Chalice's request to a page and back.

The pages see a Request and return an Answer; how they are asked and answered stands in ``request``,
``answer``, ``problems`` and ``negotiation``, what they take and give beside them, as an ``operation``.
"""

import dataclasses
import datetime as dt
import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from chalice import Chalice

from chalicelib.api.http import negotiation, origins, path_names, problems, request, request_event
from chalicelib.api.http.answer import DIRECT, Sent
from chalicelib.api.http.answer import HTML_TYPE as HTML_TYPE
from chalicelib.api.http.answer import JSON_TYPE as JSON_TYPE
from chalicelib.api.http.answer import TEXT_TYPE as TEXT_TYPE
from chalicelib.api.http.answer import Answer as Answer
from chalicelib.api.http.answer import as_json as as_json
from chalicelib.api.http.answer import as_json_array as as_json_array
from chalicelib.api.http.answer import as_text as as_text
from chalicelib.api.http.request import API_LEVEL as API_LEVEL
from chalicelib.api.http.request import Request as Request
from chalicelib.api.http.request import identifier as identifier
from chalicelib.api.http.request import run_id as run_id
from chalicelib.api.http.request import task_id as task_id
from chalicelib.api.openapi import operations
from chalicelib.api.openapi.operations import Page
from chalicelib.domain.errors import NotFound, PSchedulerError, StorageFull
from chalicelib.domain.times import UTC
from chalicelib.store import disk_space
from chalicelib.store.store_errors import STORE_ERRORS, unavailable

LOG = logging.getLogger(__name__)


def page(app: Chalice, path: str, **methods: Page) -> None:
    """Serve a path: ``GET=function`` and so on. HEAD, OPTIONS and wrong methods are seen to here."""
    operations.PAGES[path] = methods
    allowed = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]

    def view(**names: str) -> Sent:
        raw: Any = app.current_request
        raw.method = raw.context.get(request_event.ASKED_BY, raw.method)  # in the log, too
        called = methods.get("GET" if raw.method == "HEAD" else raw.method)
        if raw.method == "OPTIONS":
            answer = negotiation.preflight(allowed, raw.headers)
        elif called is None:
            answer = _refusal(raw, allowed, methods.values(), names)
        else:
            try:
                answer = _answer(called, raw, names)
            except request.NotYet as wait:
                return _not_yet(wait)
            except request.TakesTime:
                return _takes_time()
        response = negotiation.sent(answer, raw.headers, with_body=raw.method != "HEAD")
        LOG.debug("%s %s: %d", raw.method, raw.path, answer.status)  # no query: there may be a key in it
        if raw.context.get(DIRECT):
            response.direct = True
            return response
        return negotiation.joined(response) or _too_large(called, raw)

    app.route(path, methods=list(request_event.METHODS), content_types=["*/*"], name=path)(view)


def _refusal(raw: Any, allowed: list[str], pages: Collection[Page], names: Mapping[str, str]) -> Answer:
    try:
        path_names.read(names, pages)
    except NotFound as error:
        return problems.of_error(error, raw.headers)
    sentence = f"{raw.method} is not allowed here; allowed are {', '.join(allowed)}"
    return problems.problem(problems.METHOD, 405, sentence, raw.headers).with_headers(
        Allow=", ".join(allowed)
    )


def _too_large(called: Page | None, raw: Any) -> Sent:
    declared = operations.of(called) if called else None
    if declared is not None and declared.paged:
        way_out = "ask for a part of it with limit, and go on with the cursor in the Link of each answer"
        answer = problems.problem("too-large", 400, f"The list is larger than 6 MB: {way_out}", raw.headers)
    else:
        answer = problems.problem("too-large", 413, "The answer is larger than 6 MB", raw.headers)
    return negotiation.sent(answer, raw.headers, with_body=True)


def _not_yet(wait: request.NotYet) -> Sent:
    response = Sent("", status_code=202)
    response.wait = (wait.task, wait.until.timestamp())
    return response


def _takes_time() -> Sent:
    response = Sent("", status_code=202)
    response.takes_time = True
    return response


def _waited(called: Page, asked: Request, names: Mapping[str, str], front_waits: bool) -> Answer:
    """What a page answers in the end. Raises NotYet where the front waits and asks again."""
    while True:
        try:
            return called(asked, **names)
        except request.NotYet as wait:
            if front_waits:
                raise
            left = (wait.until - asked.now).total_seconds()
            time.sleep(max(0.0, min(wait.every, left)))
            asked = dataclasses.replace(asked, now=dt.datetime.now(UTC), args={**asked.args, **wait.moved})


def _answer(called: Page, raw: Any, names: Mapping[str, str]) -> Answer:
    try:
        unquoted = path_names.read(names, [called])
        origins.require_own_name(raw.headers)
        origins.require_own_origin(raw.method, raw.headers)
        asked = request_event.read(raw)
        asked.api_level  # noqa: B018 - whoever asks for too much is told so, whatever the page
        answer = _waited(called, asked, unquoted, raw.context.get(DIRECT, False)).begun()
    except (request.NotYet, request.TakesTime):
        raise
    except PSchedulerError as error:
        return problems.of_error(error, raw.headers)
    except STORE_ERRORS as error:
        LOG.exception("The store did not answer")
        told = unavailable(error)
        if isinstance(told, StorageFull):
            disk_space.note_refused()
        return problems.of_error(told, raw.headers)
    except Exception:
        LOG.exception("A page broke")
        sentence = "Internal error; see the node's log"
        return problems.problem(problems.MISTAKE, 500, sentence, raw.headers)
    declared = operations.of(called)
    return negotiation.tagged(answer, raw.headers) if declared and declared.conditional else answer
