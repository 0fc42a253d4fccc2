"""What a page gives back, and how it becomes what Lambda sends (docs/architecture.md, "Pages")."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from chalice import Response

from chalicelib.api.http.request import Request
from chalicelib.domain.schemas import JSON

JSON_TYPE, TEXT_TYPE, HTML_TYPE = "application/json", "text/plain", "text/html"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What goes back; a body of text gets its final newline on its way out."""

    body: str | bytes
    kind: str = TEXT_TYPE
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def content(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if self.body.endswith("\n") else f"{self.body}\n".encode()

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
    return Answer(json.dumps(value, separators=(",", ":")), JSON_TYPE, **more)


class Sent(Response):
    """An answer in Lambda's form. Bytes that are no text travel in base64, whatever their type.

    Chalice would decide that by content type, and refuse clients whose Accept does not name it.
    """

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        form = super().to_dict(None)
        if isinstance(self.body, bytes):
            form |= {"body": base64.b64encode(self.body).decode(), "isBase64Encoded": True}
        return form
