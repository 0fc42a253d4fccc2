"""One request as the pages see it (docs/contract/api.md, "Global rules")."""

import dataclasses
import datetime as dt
import types
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from chalicelib.api.http import origins
from chalicelib.domain import echoes, numerals, proxy_headers
from chalicelib.domain.documents import DEEPEST, load
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, NotFound, TooLarge, Unsupported
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, parse_timestamp
from chalicelib.service.node.node_directory import addressed_by

LOOK_EVERY = 0.5
"""Seconds between looks for what is not there yet, where the front cannot wait for it."""
_AS_CAME: Mapping[str, str] = types.MappingProxyType({})
API_LEVEL = 7
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""What Chalice hands to every path, which refuses those that it has no page for."""
REFUSED = "PATCH"
"""The one of them that no path has a page for: our own front hands over any further method as this one."""
ASKED_BY = "methodAsked"
"""A member of an event's requestContext: the method that the request came with, whatever it is handed over
as."""
GZIP = 16 + zlib.MAX_WBITS
AT_ONCE = "answersAtOnce"
"""A member of an event's requestContext: the page is asked in the front's own thread, which is quicker than
in a worker, and keeps everybody else waiting meanwhile."""
LARGEST_BODY = 10 * 1024 * 1024
"""Bytes of a request's body, also of what it is compressed from; API Gateway lets no more pass."""
LARGEST_DOCUMENT = 512 * 1024
"""Characters of a document that is posted, where nothing else is said: three times those of a task. What is
made of JSON takes up to fifty times its size, and all the time of a processor."""
MOST_MEMBERS = 1_000_000
"""Commas in a document, however large."""


class NotYet(Exception):
    """What is asked for is not there, and the client would wait: ask again when something has happened to
    ``task``, and in any case at ``until``.

    Where nobody hears of that, ask again ``every`` so many seconds, with the arguments in ``moved`` in place
    of those that came: how far it was looked already.
    """

    def __init__(
        self, task: str, until: dt.datetime, every: float = LOOK_EVERY, moved: Mapping[str, str] = _AS_CAME
    ):
        super().__init__(task, until)
        self.task, self.until, self.every, self.moved = task, until, every, moved


class TakesTime(Exception):
    """A page that is asked at once is to be asked where it may take its time: see ``Request.take_time``."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One request: ``base`` is the API's root as the client addressed it, ``node`` whose it
    is by that, ``now`` when it came in."""

    method: str
    path: str
    base: str
    args: Mapping[str, str]
    body: str
    headers: Mapping[str, str]
    caller: str
    server: str
    node: NodeName
    now: dt.datetime
    principal: str = ""
    """The ARN of who asks, where AWS has authenticated them."""
    came: dt.datetime | None = None
    """When it came in, where it is asked again: ``now`` is when it was asked last."""
    is_forwarded: bool = False
    """Whether a proxy is in front, or a page of another origin is behind it: never this host itself, then."""
    is_caller_known: bool = True
    """Whether ``caller`` is who asks, and not a proxy that nobody has named."""
    at_once: bool = False
    """Whether the front waits for the answer, and does nothing else until it has it."""

    def flag(self, name: str) -> bool:
        """A boolean argument: true when it is empty, ``true``, ``yes`` or ``1``."""
        return self.args.get(name, "no").lower() in ("", "true", "yes", "1")

    def integer(self, name: str, least: int | None = None) -> int | None:
        """An integer argument, None when absent. Raises Invalid."""
        text = self.args.get(name)
        if text is None:
            return None
        value = numerals.integer(text)
        if value is None:
            raise Invalid(f"{name}: {shown(text)} is not an integer of at most {numerals.MOST_DIGITS} digits")
        if least is not None and value < least:
            raise Invalid(f"{name}: must be {least} or more")
        return value

    def moment(self, name: str) -> dt.datetime | None:
        """An instant, None when absent. Raises Invalid."""
        try:
            return parse_timestamp(self.args[name]) if name in self.args else None
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from error

    def document(self, name: str) -> JSON:
        """A JSON argument that must be there. Raises Invalid."""
        if name not in self.args:
            raise Invalid(f"The argument {name} is missing")
        return load(self.args[name], name)

    def json(self, deepest: int = DEEPEST, largest: int = LARGEST_DOCUMENT) -> JSON:
        """The body as JSON.

        Raises TooLarge for more than so many characters, and Invalid, also for more than so many arrays and
        objects in each other.
        """
        if len(self.body) > largest:
            raise TooLarge(f"The body has {len(self.body)} characters; at most {largest} are allowed here")
        if self.body.count(",") > MOST_MEMBERS:
            raise TooLarge(f"The body has more than {MOST_MEMBERS} members")
        return load(self.body, "The body", deepest)

    def take_time(self) -> None:
        """To be called before what may take more than a read of one item. Raises TakesTime."""
        if self.at_once:
            raise TakesTime

    def wait(
        self, task: str, seconds: float, every: float = LOOK_EVERY, moved: Mapping[str, str] = _AS_CAME
    ) -> None:
        """Come back when something has happened to a task or its runs, unless so long has passed already.

        Raises NotYet.
        """
        until = (self.came or self.now) + dt.timedelta(seconds=seconds)
        if self.now < until:
            raise NotYet(task, until, every, moved)

    @property
    def key(self) -> str | None:
        return self.args.get("key")

    @property
    def api_level(self) -> int:
        """The level the client speaks, 1 when it does not say. Raises Invalid, Unsupported."""
        level = self.integer("api")
        if level is not None and level > API_LEVEL:
            raise Unsupported(f"api: must be {API_LEVEL} or less, the highest API level of this node")
        return 1 if level is None else level


def read(raw: Any) -> Request:
    """Chalice's request as ours.

    Raises Invalid for a body that is no text, TooLarge for too much of it, NotFound for a path that ends in a
    slash.
    """
    headers, now = raw.headers, dt.datetime.now(UTC)
    _require_no_slash(raw)
    return Request(
        method=raw.method,
        path=raw.context.get("path", raw.context["resourcePath"]),
        base=_base(raw),
        args=dict(raw.query_params or {}),
        body=_text(_decompressed(raw.raw_body, headers)),
        headers=headers,
        caller=raw.context.get("identity", {}).get("sourceIp", "").split("%")[0],
        server=raw.context.get("serverAddress") or raw.context.get("domainName", ""),
        node=addressed_by(headers.get("host", "")),
        now=now,
        came=_came(raw) or now,
        principal=raw.context.get("identity", {}).get("userArn") or "",
        is_forwarded=_is_forwarded(raw) or origins.is_foreign(headers),
        at_once=raw.context.get(AT_ONCE, False),
        is_caller_known=raw.context.get("isCallerKnown", not _is_forwarded(raw) or _is_deployed(raw)),
    )


def _is_forwarded(raw: Any) -> bool:
    """Whether a proxy is in front. Our own front says so, having taken their headers away."""
    told: bool | None = raw.context.get("isForwarded")
    return any(map(proxy_headers.is_header, raw.headers)) if told is None else told


def _is_deployed(raw: Any) -> bool:
    """Whether it is API Gateway that is in front: it says itself who asks."""
    return "accountId" in raw.context


def _came(raw: Any) -> dt.datetime | None:
    """When the front got the request, where it says so."""
    milliseconds = raw.context.get("requestTimeEpoch")
    return None if milliseconds is None else dt.datetime.fromtimestamp(milliseconds / 1000, UTC)


def _require_no_slash(raw: Any) -> None:
    """API Gateway overlooks a slash at the end; in pScheduler's eyes it makes another path.

    The page people look at alone has one, so that its files are beside it.
    """
    if raw.context["resourcePath"] not in ("/", "/ui") and raw.context.get("path", "").endswith("/"):
        raise NotFound("There is nothing at this path: it must not end in a slash")


def _text(body: bytes | str) -> str:
    if len(body) > LARGEST_BODY:
        raise TooLarge(f"The body has {len(body)} bytes; at most {LARGEST_BODY} are allowed")
    try:
        return body.decode() if isinstance(body, bytes) else body
    except UnicodeDecodeError as error:
        raise Invalid("The body is not UTF-8 text") from error


def _decompressed(body: bytes | str, headers: Mapping[str, str]) -> bytes | str:
    """A body that came compressed as it was, at most one byte more than is taken. Raises Invalid."""
    if headers.get("content-encoding", "").strip().lower() not in ("gzip", "x-gzip") or not body:
        return body
    try:
        reader = zlib.decompressobj(GZIP)
        whole = reader.decompress(body if isinstance(body, bytes) else body.encode(), LARGEST_BODY + 1)
        if not reader.eof and len(whole) <= LARGEST_BODY:
            raise Invalid("The compressed body is incomplete")
    except zlib.error as error:
        raise Invalid("The body is not compressed with gzip, as its Content-Encoding says") from error
    return whole


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
    raise NotFound(f"There is nothing at this path: {echoes.name(text)} is not a UUID")


def task_id(text: str) -> TaskId:
    """A task's identifier in a path. Raises NotFound."""
    return TaskId(identifier(text))


def run_id(text: str) -> RunId:
    """A run's identifier in a path. Raises NotFound."""
    return RunId(identifier(text))
