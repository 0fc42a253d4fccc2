"""Whether an answer keeps to the OpenAPI document of the node that gave it."""

import functools
import json
from typing import Any

import jsonschema
import referencing
import referencing.jsonschema

from local.routes import Routes

ROOT = "urn:openapi"


class Broken(AssertionError):
    """An answer that contradicts the document."""


class Contract:
    """A document to hold answers against."""

    def __init__(self, document: dict[str, Any]):
        self._document = document
        self._routes = Routes(document["paths"])
        resource = referencing.Resource(document, referencing.jsonschema.DRAFT202012)
        self._registry: Any = referencing.Registry().with_resource(ROOT, resource)
        self._validator = functools.cache(self._make_validator)

    def check(self, method: str, path: str, status: int, kind: str, body: bytes) -> None:
        """Raise Broken for a status, a media type or a body the document does not speak of."""
        found = self._routes.find(path.partition("?")[0])
        if found is None or method == "OPTIONS":
            return
        route, where = found[0], f"{method} {path} -> {status}"
        operation = self._document["paths"][route].get("get" if method == "HEAD" else method.lower())
        if operation is None:
            statuses = (404, 405) if "{" in route else (405,)
            self._require(status in statuses, f"{where}: the document has no such method")
            return
        answer = operation["responses"].get(str(status))
        self._require(answer is not None, f"{where}: the document has no such status: {body[:300]!r}")
        if status == 304 or not answer.get("content") or method == "HEAD":
            return
        media = kind.partition(";")[0].strip()
        self._require(media in answer["content"], f"{where}: {media} is none of {list(answer['content'])}")
        if media.endswith("json"):
            self._check_json((route, method.lower(), str(status), media), json.loads(body), where)

    def _check_json(self, place: tuple[str, ...], value: Any, where: str) -> None:
        error = jsonschema.exceptions.best_match(self._validator(*place).iter_errors(value))
        if error is not None:
            at = "/".join(str(step) for step in error.absolute_path)
            raise Broken(f"{where}: /{at}: {error.message[:500]}")

    def _make_validator(self, route: str, method: str, status: str, media: str) -> Any:
        steps = ("paths", route, method, "responses", status, "content", media, "schema")
        pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
        schema = {"$ref": f"{ROOT}#/{pointer}"}
        return jsonschema.Draft202012Validator(schema, registry=self._registry)

    def _require(self, holds: bool, complaint: str) -> None:
        if not holds:
            raise Broken(complaint)
