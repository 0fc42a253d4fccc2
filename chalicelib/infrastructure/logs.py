"""Lines of the log: what they are about, and how they are written where programs read them.

What a thread works on - the request, the task, the run, and the correlation id that goes with them from one
process to the next - is kept here while it does, and stands in every line that is logged meanwhile.
"""

import contextlib
import contextvars
import datetime as dt
import json
import logging
import re
import uuid
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from chalicelib.domain.redaction import HIDDEN, Redactor
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, format_timestamp

REQUESTS, CHANGES = logging.getLogger("node.requests"), logging.getLogger("node.changes")
"""A line for each request, and for each change of a task, run or alert: where lines are structured."""
for _each in (REQUESTS, CHANGES):
    _each.setLevel(logging.WARNING)

CORRELATION = "correlation"
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_KEYS = re.compile(r"psk\.[A-Za-z0-9._-]+|(?i:(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]+")
_REDACTOR = Redactor()
_LONGEST = 32_000
"""Characters of one line; CloudWatch cuts what is much longer."""

_about: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar(
    "about", default=MappingProxyType({})
)


@contextlib.contextmanager
def about(**what: str | None) -> Iterator[None]:
    """Have what is logged meanwhile say what it is about, besides what it is about already."""
    token = _about.set({**_about.get(), **{name: value for name, value in what.items() if value}})
    try:
        yield
    finally:
        _about.reset(token)


def correlation() -> str | None:
    """The id under which what is being done can be found in the logs of all processes."""
    return _about.get().get(CORRELATION)


def correlation_of(told: str | None) -> str:
    """What somebody calls what we do for them, where that can stand in a log; else a name of our own."""
    return told if told and _ID.fullmatch(told) else uuid.uuid4().hex


class Structured(logging.Formatter):
    """A record as one line of JSON, without what is private."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, JSON] = {
            "time": format_timestamp(dt.datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **_about.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            document["exception"] = redacted(self.formatException(record.exc_info))
        return json.dumps(document, default=str, separators=(",", ":"))


class Context(logging.Filter):
    """Gives records a ``context``, for formats of text: empty, or what they are about in brackets."""

    def filter(self, record: logging.LogRecord) -> bool:
        told = " ".join(f"{name}={value}" for name, value in _about.get().items())
        record.context = f"[{told}] " if told else ""
        return True


def redacted(text: str) -> str:
    """A text without keys and credentials, and not too long."""
    return _KEYS.sub(HIDDEN, _REDACTOR.text(text[:_LONGEST]))


def structure(*loggers: logging.Logger) -> None:
    """Have the handlers of these loggers write structured lines, and requests and changes be logged."""
    for logger in loggers:
        for handler in logger.handlers:
            handler.setFormatter(Structured())
    for each in (REQUESTS, CHANGES):
        each.setLevel(logging.INFO)


def request(method: str, path: str, status: int, seconds: float) -> None:
    """Log that a request was answered; its query is left out, for there may be a key in it."""
    if REQUESTS.isEnabledFor(logging.INFO):
        fields = {"method": method, "path": path, "status": status, "ms": round(seconds * 1000, 1)}
        REQUESTS.info("%s %s: %d", method, path, status, extra={"fields": fields})


def change(kind: str, name: str, state: str, **fields: JSON) -> None:
    """Log what something has become."""
    if CHANGES.isEnabledFor(logging.INFO):
        told = {kind: name, "state": state, **fields}
        CHANGES.info("The %s %s is %s", kind, name, state, extra={"fields": told})
