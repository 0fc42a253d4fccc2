"""What a page gives back, and how it becomes what Lambda sends (docs/architecture.md, "Pages")."""

import base64
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalice import Response

from chalicelib.api.http.request import Request
from chalicelib.domain.schemas import JSON

JSON_TYPE, TEXT_TYPE, HTML_TYPE = "application/json", "text/plain", "text/html"
DIRECT = "takesAnswersDirectly"
"""A member of an event's requestContext, which API Gateway never sets: the front is in this process, and
takes bodies of any size, as bytes or as an iterator of them."""
READS_NOTHING = "readsNothing"
"""Another: the page needs nothing that is stored, and must not be kept waiting for it."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes back; a body of text gets its final newline on its way out.

    A body may be an iterator of bytes, read once: it is sent, and compressed, while it is being read.
    """

    body: str | bytes | Iterator[bytes]
    kind: str = TEXT_TYPE
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def content(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        if not isinstance(self.body, str):
            raise TypeError("a body that is an iterator is read once, when it is sent")
        return self.body.encode() if self.body.endswith("\n") else f"{self.body}\n".encode()

    def begun(self) -> "Answer":
        """The answer with the first piece of an iterator read, so that what fails there gets a status."""
        if isinstance(self.body, str | bytes):
            return self
        first, second = next(self.body, b""), next(self.body, None)
        if second is None:
            return dataclasses.replace(self, body=first.decode() if self.kind == JSON_TYPE else first)
        return dataclasses.replace(self, body=itertools.chain((first, second), self.body))

    def with_headers(self, **headers: str) -> "Answer":
        """The answer with more headers; an underscore stands for a hyphen."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return dataclasses.replace(self, headers={**self.headers, **more})

    @property
    def content_type(self) -> str:
        return f"{self.kind}; charset=utf-8" if self.kind.startswith("text/") else self.kind


def as_json(request: Request, value: JSON, **more: Any) -> Answer:
    """A JSON answer: compact, or for ``pretty`` sorted and indented."""
    if request.flag("pretty"):
        return Answer(json.dumps(value, sort_keys=True, indent=4), JSON_TYPE, **more)
    return Answer(as_text(value), JSON_TYPE, **more)


as_text = json.JSONEncoder(separators=(",", ":")).encode
"""JSON as it is sent."""


def as_json_array(request: Request, pieces: Iterator[Sequence[str]], **more: Any) -> Answer:
    """An array of what is JSON already, sent while it is read; for ``pretty`` it has to be whole first."""
    if request.flag("pretty"):
        return as_json(request, [json.loads(line) for piece in pieces for line in piece], **more)
    return Answer(_array(pieces), JSON_TYPE, **more)


def _array(pieces: Iterator[Sequence[str]]) -> Iterator[bytes]:
    ready = "["
    for piece in filter(None, pieces):
        if ready != "[":
            yield ready.encode()
            ready = ","
        ready += ",".join(piece)
    yield f"{ready}]\n".encode()


class Sent(Response):
    """An answer in Lambda's form. Bytes that are no text travel in base64, whatever their type.

    Chalice would decide that by content type, and refuse clients whose Accept does not name it. Where the
    front is in this process (``local.gateway``) nothing has to travel: ``direct`` gives it the body as it is,
    bytes or an iterator of them.
    """

    direct = False
    wait: tuple[str, float] | None = None
    """Instead of an answer: the task whose change to wait for, and until when (a Unix time)."""

    takes_time = False
    """Instead of an answer: that it takes a worker to give it."""

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        if self.wait is not None:
            return {**super().to_dict(None), "wait": self.wait}
        if self.takes_time:
            return {**super().to_dict(None), "takesTime": True}
        if isinstance(self.body, str):
            return super().to_dict(None)
        form = Response("", dict(self.headers), self.status_code).to_dict(None)
        if self.direct:
            return form | {"body": self.body}
        return form | {"body": base64.b64encode(self.body).decode(), "isBase64Encoded": True}
