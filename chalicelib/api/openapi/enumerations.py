"""Plugins as clients of each API level see them (docs/contract/api.md, Plugins).

From level 7 on (docs/compatibility.md), an enumeration has a label and, of all kinds but tools, the schemas
of what is configured: a JSON Schema to check it and a UI schema to lay out a form for it, in the terms of
JSON Forms. Both are lists by version, whose first element is null because there is no version 0.
"""

from collections.abc import Mapping, Sequence

from chalicelib.api.openapi import plugin_schemas
from chalicelib.api.openapi.schema_export import portable
from chalicelib.domain.schemas import JSON, Versions
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.context import Context
from plugins.sdk.plugin import Plugin
from plugins.sdk.test import Test

LABELLED = 7
"""The API level from which on enumerations have labels and schemas."""
_HOSTS = tuple(TYPES[name] for name in ("Host", "HostName", "HostNamePort", "IPAddress", "URLHostPort"))
_WIDGETS = {
    "boolean": "input-checkbox",
    "integer": "input-number",
    "number": "input-number",
    "string": "input-text",
}


def enumeration(plugin: Plugin, level: int) -> dict[str, JSON]:
    """A plugin in the form of an API level."""
    if level < LABELLED:
        return plugin.enumeration()
    return {**plugin.enumeration(), "label": plugin.called, **_by_name(plugin)}


def _by_name(plugin: Plugin) -> dict[str, JSON]:
    match plugin:
        case Test():
            labels = {field.name: field.label for field in plugin.fields}
            spec = _section(f"{plugin.name} spec", plugin.spec_versions, labels)
            return {
                "schema": 2,
                "spec": spec,
                "result": {"jsonschema": _json_schemas(f"{plugin.name} result", plugin.result_versions)},
            }
        case Archiver() | Context():
            return {"schema": 2, "spec": _section(f"{plugin.name} data", plugin.data_versions, {})}
        case _:
            return {}


def _section(name: str, versions: Versions, labels: Mapping[str, str]) -> dict[str, JSON]:
    return {"jsonschema": _json_schemas(name, versions), "uischema": {"versions": _layouts(versions, labels)}}


def _json_schemas(name: str, versions: Versions) -> dict[str, JSON]:
    dialect = {"$schema": "http://json-schema.org/draft-07/schema#"}
    by_version = plugin_schemas.by_version(name, versions)
    return {
        "versions": [None, *({**dialect, **portable(by_version[number])} for number in sorted(by_version))]
    }


def _layouts(versions: Versions, labels: Mapping[str, str]) -> Sequence[JSON]:
    schemas = {number: checker.schema for number, checker in versions.checkers.items()}
    return [None, *(_layout(schemas[number]["properties"], labels) for number in sorted(schemas))]


def _layout(members: Mapping[str, dict[str, JSON]], labels: Mapping[str, str]) -> dict[str, JSON]:
    version = {**_control("schema", {}, labels), "customComponent": "dropdown-single-select"}
    others = [_control(name, schema, labels) for name, schema in members.items() if name != "schema"]
    return {"type": "VerticalLayout", "elements": [version, *others]}


def _control(name: str, schema: Mapping[str, JSON], labels: Mapping[str, str]) -> dict[str, JSON]:
    widget = _widget(schema)
    hidden = {"options": {"format": "password"}} if name.startswith("_") else {}
    return {
        "type": "Control",
        "scope": f"#/properties/{name}",
        **({"label": labels[name]} if labels.get(name) else {}),
        **({"customComponent": widget} if widget else {}),
        **hidden,
    }


def _widget(schema: Mapping[str, JSON]) -> str | None:
    """What a value is put in with; None where a form has to be made of the value's own members."""
    if schema in _HOSTS:
        return "input-text-autocomplete"
    if "enum" in schema:
        return "dropdown-single-select"
    kinds = schema.get("type", [])
    named = [kinds] if isinstance(kinds, str) else kinds
    found = {_WIDGETS.get(kind) for kind in named} | {_widget(one) for one in schema.get("anyOf", ())}
    return "input-text" if len(found) > 1 and None not in found else next(iter(found), None)
