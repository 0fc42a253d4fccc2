"""Plugins as clients of API level 7 see them: enumerations of schema 2, with what a form can be made of.

That is how pScheduler's public branch has it: a label, JSON Schemas of what is taken and given, and for each
version a layout in the terms of JSON Forms. In the lists the place of version 0, which is not one, is null.
"""

from collections.abc import Mapping

from chalicelib.api.openapi.schema_export import portable
from chalicelib.domain.schemas import JSON, Versions
from plugins.sdk.base import Archiver, Context, Plugin, Test

LEVEL = 7
"""The API level from which plugins are shown so."""


def enumeration(plugin: Plugin, level: int) -> dict[str, JSON]:
    """The plugin as clients of an API level see it."""
    shown = plugin.enumeration()
    return {**shown, "schema": 2, "label": plugin.called, **_schemas(plugin)} if level >= LEVEL else shown


def _schemas(plugin: Plugin) -> dict[str, JSON]:
    match plugin:
        case Test():
            labels = {field.name: field.label for field in plugin.fields if field.label}
            spec = _spec(plugin.spec_versions, labels)
            return {"spec": spec, "result": {"jsonschema": _jsonschema(plugin.result_versions)}}
        case Archiver() | Context():
            return {"spec": _spec(plugin.data_versions, {})}
    return {}


def _spec(versions: Versions, labels: Mapping[str, str]) -> dict[str, JSON]:
    layouts = [_layout(schema, labels) for schema in _in_order(versions)]
    return {"jsonschema": _jsonschema(versions), "uischema": {"versions": [None, *layouts]}}


def _jsonschema(versions: Versions) -> dict[str, JSON]:
    return {"versions": [None, *(portable(schema) for schema in _in_order(versions))]}


def _in_order(versions: Versions) -> list[dict[str, JSON]]:
    return [versions.checkers[number].schema for number in sorted(versions.checkers)]


def _layout(schema: Mapping[str, JSON], labels: Mapping[str, str]) -> dict[str, JSON]:
    """One control a member, below each other; private ones are written without being seen."""
    controls = []
    for name in schema.get("properties", {}):
        control: dict[str, JSON] = {"type": "Control", "scope": f"#/properties/{name}"}
        label = {"label": labels[name]} if name in labels else {}
        hidden = {"options": {"format": "password"}} if name.startswith("_") else {}
        controls.append({**control, **label, **hidden})
    return {"type": "VerticalLayout", "elements": controls}
