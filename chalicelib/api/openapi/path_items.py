"""A path in OpenAPI's terms: what its pages take and answer, as it stands beside them (``operations``)."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.api.http.origins import READING
from chalicelib.api.http.problems import PROBLEM_TYPE
from chalicelib.api.http.router import API_LEVEL, JSON_TYPE, TEXT_TYPE
from chalicelib.api.openapi import operations, schema_export
from chalicelib.api.openapi.operations import Argument, Operation, Page, Schema, flag
from chalicelib.domain.schemas import JSON
from plugins import registry

_COMMON = (
    flag("pretty", "Indent and sort JSON"),
    Argument(
        "api", "The API level the client speaks, 1 if absent", {"type": "integer", "maximum": API_LEVEL}
    ),
)
_MEANINGS = {
    400: "Invalid request; the text names the member and what is wrong with it",
    401: "The token or the secret is unknown here, or no longer valid",
    403: "The key is wrong, or the caller may not do this",
    404: "Not found",
    410: "What is named is no longer of use",
    409: "The time is taken, or another request was faster",
    426: "The agent's protocol version is not supported here",
    429: "Too many requests; try again later",
    413: "More than the node can store or return",
    415: "The body is compressed in a way that is not known here",
    421: "The request is for a host name that is not this node's",
    422: "Valid, but cannot be carried out",
    424: "Another participant did not do its part; the sentence names it",
    501: "An API level above this node's",
    503: "Something the node needs did not answer; try again",
    507: "The disk is full; nothing was stored",
    500: "Internal error",
}
_EVERYWHERE = (400, 413, 421, 501, 503, 507)


def path_item(
    path: str, methods: Mapping[str, Page], components: schema_export.Components
) -> dict[str, JSON]:
    """What a path has, by method; its pages that declare nothing are left out."""
    return {
        method.lower(): _operation(path, method, page, declared, components)
        for method, page in methods.items()
        if (declared := operations.of(page)) is not None
    }


def _operation(
    path: str, method: str, page: Page, declared: Operation, components: schema_export.Components
) -> dict[str, JSON]:
    description = inspect.getdoc(page) or ""
    summary = description.partition("\n\n")[0]
    arguments = [_argument(one, components) for one in (*declared.arguments, *_common(declared))]
    body = {} if declared.body is None else {"requestBody": _body(declared, components)}
    return {
        "operationId": operation_id(path, page),
        "tags": [declared.tag],
        "summary": " ".join(summary.split()).rstrip(".").replace("`", ""),
        "description": description,
        "parameters": [*_path_parameters(path, declared, components), *arguments],
        **body,
        "responses": _responses(path, method, declared, components),
    }


def operation_id(path: str, page: Page) -> str:
    """How links name a page: ``single_task.get_task``; at a second path of the same page, with the path."""
    name = f"{page.__module__.rpartition('.')[2]}.{page.__name__}"
    first = next(where for where, methods in operations.PAGES.items() if page in methods.values())
    return name if path == first else f"{name}:{path}"


def _common(declared: Operation) -> list[Argument]:
    conditional = operations.header("If-None-Match", "The ETag of an answer the client has")
    return [*_COMMON, *([conditional] if declared.conditional else [])]


def _argument(argument: Argument, components: schema_export.Components) -> dict[str, JSON]:
    schema = components.export(argument.schema)
    shown = {"content": {JSON_TYPE: {"schema": schema}}} if argument.is_json else {"schema": schema}
    return {
        "name": argument.name,
        "in": argument.where,
        "description": argument.text,
        "required": argument.required,
        **shown,
    }


def _path_parameters(
    path: str, declared: Operation, components: schema_export.Components
) -> list[dict[str, JSON]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": components.export(declared.path.get(name) or _usual(path, name)),
        }
        for name in re.findall(r"{(\w+)}", path)
    ]


def _usual(path: str, name: str) -> Schema:
    """The schema of a path's parameter by its name, or for a plugin's name by what stands before it."""
    kinds = {
        "tests": registry.tests,
        "tools": registry.tools,
        "archivers": registry.archivers,
        "contexts": registry.contexts,
    }
    known: Any = kinds.get(path.split("/")[1]) if name == "name" else None
    if known is not None:
        return {"type": "string", "examples": list(known())}
    return {"type": "string", "format": "uuid"} if name in ("task", "run") else {"type": "string"}


def _body(declared: Operation, components: schema_export.Components) -> dict[str, JSON]:
    examples = {name: {"value": value} for name, value in declared.examples.items()}
    content = {
        "schema": components.export(declared.body or {}),
        **({"examples": examples} if examples else {}),
    }
    return {"required": True, "content": {JSON_TYPE: content}}


def _responses(
    path: str, method: str, declared: Operation, components: schema_export.Components
) -> dict[str, JSON]:
    missing = [404] if "{" in path else []
    writing = [] if method in READING else [403]  # of pages of other origins
    reading = [] if declared.body is None else [415]
    errors = sorted({*_EVERYWHERE, *missing, *writing, *reading, *declared.errors})
    return {
        "200": _success(declared, components),
        **(
            {"304": {"description": "The client has the current version already"}}
            if declared.conditional
            else {}
        ),
        **{str(status): {"description": text} for status, text in declared.answers.items()},
        **{str(status): _error(status, components) for status in errors},
    }


def _success(declared: Operation, components: schema_export.Components) -> dict[str, JSON]:
    content = {kind: {"schema": {"type": "string"}} for kind in declared.kinds}
    if declared.answer is not None:
        content[JSON_TYPE] = {"schema": components.export(declared.answer)}
    headers = dict(declared.headers)
    if declared.conditional:
        headers["ETag"] = "The version of the content, for If-None-Match"
    if declared.paged:
        headers["Link"] = 'With rel="next", where the list goes on'
    return {
        "description": "Success",
        "content": content or {TEXT_TYPE: {"schema": {"type": "string"}}},
        **({"headers": {name: _header(text) for name, text in headers.items()}} if headers else {}),
        **(
            {"links": {name: _link(*link) for name, link in declared.links.items()}} if declared.links else {}
        ),
    }


def _header(text: str) -> dict[str, JSON]:
    return {"description": text, "schema": {"type": "string"}}


def _link(target: str, parameters: Mapping[str, str]) -> dict[str, JSON]:
    return {"operationId": target, "parameters": dict(parameters)}


def _error(status: int, components: schema_export.Components) -> dict[str, JSON]:
    problem = {"schema": components.reference("Problem")}
    content = {TEXT_TYPE: {"schema": {"type": "string"}}, PROBLEM_TYPE: problem}
    return {"description": _MEANINGS[status], "content": content}
