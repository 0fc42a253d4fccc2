"""Pages about tests, tools, archivers and contexts (docs/contract/api.md, Plugins)."""

from collections.abc import Iterable, Mapping

from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import plugin_schemas, response_schemas
from chalicelib.api.openapi.enumerations import enumeration
from chalicelib.api.openapi.operations import EXPANDED, operation
from chalicelib.api.openapi.schema_export import portable
from chalicelib.domain import echoes
from chalicelib.domain.errors import NotFound
from chalicelib.domain.schemas import JSON
from plugins import registry
from plugins.registry import AnyPlugin
from plugins.sdk.plugin import Plugin


def list_of(plugin: dict[str, JSON]) -> dict[str, JSON]:
    """The schema of a listing."""
    return response_schemas.array({"anyOf": [response_schemas.HREF, plugin]})


def listing(request: Request, kind: str, plugins: Iterable[Plugin]) -> Answer:
    """Hrefs, or with ``expanded`` the plugins themselves."""
    if request.flag("expanded"):
        return as_json(request, [_expanded(request, kind, plugin) for plugin in plugins])
    return as_json(request, [f"{request.base}/{kind}/{plugin.name}" for plugin in plugins])


def _expanded(request: Request, kind: str, plugin: Plugin) -> dict[str, JSON]:
    shown = enumeration(plugin, request.api_level)
    return {**shown, "href": f"{request.base}/{kind}/{plugin.name}"}


def known(kind: str, plugins: Mapping[str, AnyPlugin], name: str) -> AnyPlugin:
    """A plugin by its name. Raises NotFound."""
    if name not in plugins:
        raise NotFound(f"There is no {kind} {echoes.name(name)} here")
    return plugins[name]


def _schemas(by_version: Mapping[int, plugin_schemas.Schema]) -> dict[str, JSON]:
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {str(number): {**dialect, **portable(schema)} for number, schema in by_version.items()}


@operation("Plugins", arguments=[EXPANDED], answer=list_of(response_schemas.TEST), conditional=True)
def tests(request: Request) -> Answer:
    """List the tests."""
    return listing(request, "tests", registry.tests().values())


@operation("Plugins", answer=response_schemas.TEST, conditional=True)
def test(request: Request, name: str) -> Answer:
    """Get a test."""
    return as_json(request, _expanded(request, "tests", known("test", registry.tests(), name)))


@operation("Plugins", answer=response_schemas.TEST_SCHEMA, conditional=True)
def test_schema(request: Request, name: str) -> Answer:
    """Get the JSON Schemas of a test's spec and result, by the version their `schema` member names."""
    found = known("test", registry.tests(), name)
    spec = _schemas(plugin_schemas.by_version(f"{name} spec", found.spec_versions))
    result = _schemas(plugin_schemas.by_version(f"{name} result", found.result_versions))
    return as_json(request, {"spec": spec, "result": result})


@operation("Plugins", answer=response_schemas.TOOL, conditional=True)
def tool(request: Request, name: str) -> Answer:
    """Get a tool."""
    return as_json(request, _expanded(request, "tools", known("tool", registry.tools(), name)))


@operation("Plugins", answer=response_schemas.TOOL_SCHEMA, conditional=True)
def tool_schema(request: Request, name: str) -> Answer:
    """Get the JSON Schemas of the specs a tool understands, by test, and of their results."""
    found = known("tool", registry.tools(), name)
    performed = [registry.tests()[test] for test in found.tests if test in registry.tests()]
    schemas = {
        test.name: {
            "spec": _schemas(plugin_schemas.understood(found, test)),
            "result": _schemas(plugin_schemas.by_version(f"{test.name} result", test.result_versions)),
        }
        for test in performed
    }
    return as_json(request, {"tests": schemas})


@operation("Plugins", arguments=[EXPANDED], answer=list_of(response_schemas.ARCHIVER), conditional=True)
def archivers(request: Request) -> Answer:
    """List the archivers."""
    return listing(request, "archivers", registry.archivers().values())


@operation("Plugins", answer=response_schemas.ARCHIVER, conditional=True)
def archiver(request: Request, name: str) -> Answer:
    """Get an archiver."""
    found = known("archiver", registry.archivers(), name)
    return as_json(request, _expanded(request, "archivers", found))


@operation("Plugins", answer=response_schemas.DATA_SCHEMA, conditional=True)
def archiver_schema(request: Request, name: str) -> Answer:
    """Get the JSON Schemas of an archiver's settings, by version."""
    found = known("archiver", registry.archivers(), name)
    return as_json(
        request, {"data": _schemas(plugin_schemas.by_version(f"{name} data", found.data_versions))}
    )


@operation("Plugins", arguments=[EXPANDED], answer=list_of(response_schemas.CONTEXT), conditional=True)
def contexts(request: Request) -> Answer:
    """List the contexts."""
    return listing(request, "contexts", registry.contexts().values())


@operation("Plugins", answer=response_schemas.CONTEXT, conditional=True)
def context(request: Request, name: str) -> Answer:
    """Get a context."""
    return as_json(request, _expanded(request, "contexts", known("context", registry.contexts(), name)))


@operation("Plugins", answer=response_schemas.DATA_SCHEMA, conditional=True)
def context_schema(request: Request, name: str) -> Answer:
    """Get the JSON Schemas of a context's settings, by version."""
    found = known("context", registry.contexts(), name)
    return as_json(
        request, {"data": _schemas(plugin_schemas.by_version(f"{name} data", found.data_versions))}
    )
