"""Schemas made of the plugins there are: specs, results, archivers' data, and the task with all of them.

A document's version is told by its ``schema`` member, so the schema of all versions is a choice of
them, each with its number pinned.
"""

import functools
from collections.abc import Collection, Mapping
from typing import Any

from chalicelib.domain import specs
from chalicelib.domain.schemas import JSON, Versions, closed
from plugins import registry
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool
from plugins.support import urls
from plugins.tests import http

Schema = dict[str, JSON]


def by_version(name: str, versions: Versions) -> dict[int, Schema]:
    """{version: schema}, each holding for documents of that version alone."""
    return {number: _pinned(name, checker.schema, number) for number, checker in versions.checkers.items()}


def _pinned(name: str, schema: Schema, version: int, **sections: Schema) -> Schema:
    """A version's schema that takes no other's documents; 1 is the version of one that says none.

    Its title is its own in the whole document: generators of clients name their types by it.
    """
    required = list(schema.get("required", ()))
    if version > 1 and "schema" not in required:
        required = ["schema", *required]
    members = {**schema["properties"], **sections, "schema": {"const": version}}
    return {"title": f"{name} {version}", **schema, "properties": members, "required": required}


def any_version(name: str, versions: Versions, **sections: Schema) -> Schema:
    """A document of any version, the newest first; ``sections`` say more of some members."""
    choices = [
        _pinned(name, checker.schema, number, **sections)
        for number, checker in sorted(versions.checkers.items(), reverse=True)
    ]
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def understood(tool: Tool, test: Test) -> dict[int, Schema]:
    """{version: schema} of the specs of a test that a tool understands."""
    return {
        number: _only(schema, tool.keys) if tool.keys else schema
        for number, schema in by_version(f"{test.name} spec", test.spec_versions).items()
        if not tool.max_schema or number <= tool.max_schema
    }


def _only(schema: Schema, names: Collection[str]) -> Schema:
    """A schema without the members that are not named."""
    return {
        **schema,
        "properties": {name: kind for name, kind in schema["properties"].items() if name in names},
    }


@functools.cache
def spec(test: str) -> Schema:
    return any_version(f"{test} spec", registry.tests()[test].spec_versions)


@functools.cache
def result(test: str) -> Schema:
    return any_version(f"{test} result", registry.tests()[test].result_versions)


@functools.cache
def any_spec() -> Schema:
    """A test's type with a spec of it."""
    return {"anyOf": [_typed(name, spec(name)) for name in registry.tests()]}


def _typed(name: str, schema: Schema) -> Schema:
    return {"title": f"{name} test", **closed({"type": {"const": name}, "spec": schema}, ("type", "spec"))}


@functools.cache
def any_result() -> Schema:
    """What any test results in; of one that failed, some tools can say no more than that."""
    failed = {
        "title": "Failed",
        "type": "object",
        "properties": {"succeeded": {"const": False}},
        "required": ["succeeded"],
    }
    return {"anyOf": [*(result(name) for name in registry.tests()), failed]}


@functools.cache
def archiver_data(name: str) -> Schema:
    return any_version(f"{name} archiver data", registry.archivers()[name].data_versions)


@functools.cache
def context_data(name: str) -> Schema:
    return any_version(f"{name} context data", registry.contexts()[name].data_versions)


@functools.cache
def any_archive() -> Schema:
    """A task's wish that its results go somewhere."""
    choices = [
        any_version(f"{name} archive", specs.ARCHIVE, archiver={"const": name}, data=archiver_data(name))
        for name in registry.archivers()
    ]
    return {"anyOf": choices}


@functools.cache
def any_context() -> Schema:
    """A change of the environment a tool runs in."""
    members = (
        closed({"context": {"const": name}, "data": context_data(name)}, ("context", "data"))
        for name in registry.contexts()
    )
    return {"anyOf": list(members)}


@functools.cache
def schedule() -> Schema:
    return any_version("Schedule", specs.SCHEDULE)


@functools.cache
def contexts() -> Schema:
    """A list of contexts for each participant."""
    lists = {"type": "array", "items": {"type": "array", "items": any_context()}}
    return closed({"schema": {"const": 1}, "contexts": lists}, ("contexts",))


@functools.cache
def task() -> Schema:
    """A task as clients post it."""
    sections: dict[str, Schema] = {
        "test": any_spec(),
        "schedule": schedule(),
        "archives": {"type": "array", "items": any_archive()},
    }
    choices = [
        _pinned(
            "Task", checker.schema, number, **sections, **({"contexts": contexts()} if number > 1 else {})
        )
        for number, checker in sorted(specs.TASK.checkers.items(), reverse=True)
    ]
    return {"anyOf": choices}


@functools.cache
def shared_task() -> Schema:
    """A task as its lead tells the other participants of it; more than these members as clients post it."""
    text = {"type": "string"}
    members = {
        "test": any_spec(),
        "schedule": schedule(),
        "tool": text,
        "participants": {"type": "array", "items": text, "minItems": 2},
        "_key": text,
    }
    return {"type": "object", "properties": members, "required": ["test", "tool", "participants"]}


def components() -> dict[str, Schema]:
    """The schemas here by the names they stand under in the OpenAPI document.

    So do objects inside of one version among several: what generators of clients would make of them otherwise
    has one name twice.
    """
    kinds: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
        "spec": (spec, registry.tests()),
        "result": (result, registry.tests()),
        "archiver-data": (archiver_data, registry.archivers()),
        "context-data": (context_data, registry.contexts()),
    }
    named = {f"{name}-{kind}": made(name) for kind, (made, names) in kinds.items() for name in names}
    whole = {
        "AnyTest": any_spec(),
        "AnyResult": any_result(),
        "Archive": any_archive(),
        "ContextUse": any_context(),
        "Contexts": contexts(),
        "Headers": urls.HEADERS,
        "PublicHeaders": http.HEADERS,
        "Phases": http.PHASES,
        "Schedule": schedule(),
        "TaskSpecification": task(),
    }
    return {**named, **whole}
