"""Requests and answers: arguments, representations, errors and their statuses, hrefs.

The pages see a Request and return an Answer; nothing else of the product knows HTTP. The rules are
those of contract/api.md, "Global rules".
"""

import dataclasses
import datetime as dt
import json
import logging
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from chalice import Chalice, Response

from chalicelib.domain import errors
from chalicelib.domain.documents import load
from chalicelib.domain.errors import Invalid, NotFound, PSchedulerError, Unsupported
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, parse_timestamp
from chalicelib.store.conditions import TROUBLES

LOG = logging.getLogger(__name__)

API_LEVEL = 6
JSON_TYPE, TEXT_TYPE, HTML_TYPE = "application/json", "text/plain", "text/html"
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

STATUSES: tuple[tuple[type[PSchedulerError], int], ...] = (
    (errors.NotFound, 404),
    (errors.TooLarge, 413),
    (errors.Unprocessable, 422),
    (errors.Invalid, 400),
    (errors.Forbidden, 403),
    (errors.Unsupported, 501),
    (errors.Conflict, 409),
    (errors.Unavailable, 503),
)
"""The status of an error is that of the first type here that it is one of."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One request: ``base`` is the API's root as the client addressed it, ``now`` when it came in."""

    method: str
    base: str
    args: Mapping[str, str]
    body: str
    headers: Mapping[str, str]
    caller: str
    server: str
    now: dt.datetime

    def flag(self, name: str) -> bool:
        """A boolean argument: true when it is empty, ``true``, ``yes`` or ``1``."""
        return self.args.get(name, "no").lower() in ("", "true", "yes", "1")

    def integer(self, name: str, least: int | None = None) -> int | None:
        """An integer argument, None when absent. Raises Invalid."""
        text = self.args.get(name)
        if text is None:
            return None
        try:
            value = int(text)
        except ValueError as trouble:
            raise Invalid(f"{name}: {text!r} is not an integer") from trouble
        if least is not None and value < least:
            raise Invalid(f"{name}: must be {least} or more")
        return value

    def moment(self, name: str) -> dt.datetime | None:
        """An instant, None when absent. Raises Invalid."""
        try:
            return parse_timestamp(self.args[name]) if name in self.args else None
        except Invalid as trouble:
            raise Invalid(f"{name}: {trouble}") from trouble

    def document(self, name: str) -> JSON:
        """A JSON argument that must be there. Raises Invalid."""
        if name not in self.args:
            raise Invalid(f"The argument {name} is missing")
        return load(self.args[name], name)

    def json(self) -> JSON:
        """The body as JSON. Raises Invalid."""
        return load(self.body, "The body")

    @property
    def key(self) -> str | None:
        return self.args.get("key")

    @property
    def api_level(self) -> int:
        """The level the client speaks, 1 when it does not say. Raises Invalid, Unsupported."""
        level = self.integer("api")
        if level is not None and level > API_LEVEL:
            raise Unsupported(f"This node speaks no API level above {API_LEVEL}")
        return 1 if level is None else level


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes back; the body gets its final newline here."""

    body: str
    kind: str = TEXT_TYPE
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def response(self, with_body: bool) -> Response:
        body = self.body if self.body.endswith("\n") else f"{self.body}\n"
        kind = f"{self.kind}; charset=utf-8" if self.kind != JSON_TYPE else self.kind
        headers: dict[str, str | list[str]] = {"Content-Type": kind, **self.headers}
        return Response(body if with_body else "", headers=headers, status_code=self.status)


Page = Callable[..., Answer]


def as_json(request: Request, value: JSON, **more: Any) -> Answer:
    """A JSON answer: compact, or for ``pretty`` sorted and indented."""
    if request.flag("pretty"):
        return Answer(json.dumps(value, sort_keys=True, indent=4), JSON_TYPE, **more)
    return Answer(json.dumps(value, separators=(",", ":")), JSON_TYPE, **more)


def page(app: Chalice, path: str, **methods: Page) -> None:
    """Serve a path: ``GET=function`` and so on. HEAD, OPTIONS and wrong methods are seen to here."""
    allowed = [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"]

    def view(**names: str) -> Response:
        assert app.current_request is not None  # noqa: S101 - chalice sets it before it calls a view
        method = app.current_request.method
        if method == "OPTIONS":
            return Answer("OK", headers={"Allow": ", ".join(allowed)}).response(with_body=True)
        called = methods.get("GET" if method == "HEAD" else method)
        if called is None:
            refusal = f"{method} is not for this resource, only {', '.join(allowed)}"
            return Answer(refusal, status=405, headers={"Allow": ", ".join(allowed)}).response(True)
        return _answer(called, app, names).response(with_body=method != "HEAD")

    app.route(path, methods=list(_METHODS), content_types=["*/*"], name=path)(view)


def _answer(called: Page, app: Chalice, names: Mapping[str, str]) -> Answer:
    try:
        request = _request(app.current_request)
        request.api_level  # noqa: B018 - whoever asks for too much is told so, whatever the page
        return called(request, **{name: urllib.parse.unquote(text) for name, text in names.items()})
    except PSchedulerError as trouble:
        status = next((number for kind, number in STATUSES if isinstance(trouble, kind)), 500)
        return Answer(trouble.message, status=status)
    except TROUBLES:
        LOG.exception("The store did not answer")
        return Answer("The node's storage did not answer; try again", status=503)
    except Exception:
        LOG.exception("A page broke")
        return Answer("The node made a mistake; its log says more", status=500)


def _request(raw: Any) -> Request:
    headers = raw.headers
    body = "" if headers.get("content-type", "").startswith(_FORM_TYPES) else _text(raw.raw_body)
    return Request(
        method=raw.method,
        base=_base(raw),
        args=dict(raw.query_params or {}),
        body=body,
        headers=headers,
        caller=raw.context.get("identity", {}).get("sourceIp", "").split("%")[0],
        server=raw.context.get("serverAddress") or raw.context.get("domainName", ""),
        now=dt.datetime.now(UTC),
    )


def _text(body: bytes | str) -> str:
    try:
        return body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError as trouble:
        raise Invalid("The body is not UTF-8 text") from trouble


def _base(raw: Any) -> str:
    """The API root in the client's own terms; behind API Gateway the path begins with the stage."""
    depth = len([part for part in raw.context["resourcePath"].split("/") if part])
    parts = raw.context.get("path", raw.context["resourcePath"]).rstrip("/").split("/")
    prefix = "/".join(parts[: len(parts) - depth])
    scheme = raw.headers.get("x-forwarded-proto", "http")
    return f"{scheme}://{raw.headers.get('host', 'localhost')}{prefix}"


def identifier(text: str) -> str:
    """A UUID in a path, in its usual form. Raises NotFound for what is none."""
    try:
        if text[:4].lower() != "urn:":
            return str(uuid.UUID(text))
    except ValueError:
        pass
    raise NotFound(f"{text} is no identifier")
