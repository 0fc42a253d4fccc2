"""The OpenAPI 3.1 document of all pages, made of what stands beside them (``operations``).

Built when first asked for: a plugin's schemas are many, and most processes never need them.
"""

import functools
from collections.abc import Iterator, Mapping

from chalicelib.api.http import principal
from chalicelib.api.http.router import API_LEVEL, Answer, Request, as_json
from chalicelib.api.openapi import operations, path_items, schema_export
from chalicelib.api.openapi.operations import operation
from chalicelib.domain.schemas import JSON

TAGS = {
    "Node": "What this node is, and how it is doing",
    "Plugins": "The tests it knows, the tools that perform them, where results go",
    "Tasks": "What to measure, when, and with what",
    "Runs": "The placements of a task in time, and their outcomes",
    "Schedule": "The runs of all tasks in time",
    "Archivings": "Results on their way to archives",
    "Series": "Results of measurements over time",
    "Events": "What happens, as it happens",
    "Alerts": "Rules about series, and whom to notify",
    "Nodes": "The nodes that this deployment serves, for its operator",
    "Agents": "What the agents of this deployment's nodes send to it (docs/agent-protocol.md)",
    "Monitoring": "Health and metrics, for programs",
    "Statistics": "Counts of runs, deliveries and requests to other nodes",
    "Administration": "Reserved for this host itself, or the node's operator",
    "Page": "What this node measures, for people",
    "Documentation": "This API, described",
}
_DESCRIPTION = """\
The REST API of perfSONAR's pScheduler, levels up to 7, and additions to it.

Every JSON answer is indented and sorted with `pretty`. Every page with GET has HEAD, and every page
has OPTIONS. Members that begin with an underscore are private: shown as null without the task's key.
Members that begin with `#` are comments, and dropped. Errors are sentences in plain text, or
`application/problem+json` where `Accept` asks for it."""


@operation("Documentation", answer={"type": "object"}, conditional=True)
def openapi(request: Request) -> Answer:
    """Get this document.

    OpenAPI 3.1, with the schemas of every test's spec and result.
    """
    return as_json(request, {**document(), "servers": [{"url": request.base}]})


@functools.cache
def document() -> dict[str, JSON]:
    """The document, less the server it is asked from."""
    components = schema_export.Components()
    paths = {
        path: path_items.path_item(path, methods, components) for path, methods in operations.PAGES.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pScheduler",
            "version": str(API_LEVEL),
            "description": _DESCRIPTION,
            "license": _LICENSE,
            "contact": {"name": "Whoever operates this node"},
        },
        "security": [{}, *({name: []} for name in SECURITY)],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {path: found for path, found in paths.items() if found},
        "components": {"schemas": _in_use(components.schemas(), paths), "securitySchemes": SECURITY},
    }


_LICENSE = {"name": "Apache 2.0", "identifier": "Apache-2.0"}
SECURITY = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": principal.HEADER,
        "description": "An API key of this node, if its policy or its operator requires one",
    },
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key, in Authorization"},
}
"""How who asks can say who it is; most pages answer anybody. A task's own `key` is an argument."""
_REFERENCE = "#/components/schemas/"


def _in_use(schemas: Mapping[str, JSON], paths: JSON) -> dict[str, JSON]:
    """The named schemas that are referred to, from the paths or from another that is."""
    found: set[str] = set()
    waiting = list(_referred_to(paths))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _referred_to(schemas[name])
    return {name: schema for name, schema in schemas.items() if name in found}


def _referred_to(value: JSON) -> Iterator[str]:
    if isinstance(value, Mapping):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(_REFERENCE)
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        yield from _referred_to(one)
