"""Plugins as clients of each API level see them."""

from typing import Any

import jsonschema
import pytest

from chalicelib.api.openapi.enumerations import enumeration
from chalicelib.domain.schemas import version_of
from plugins.sdk.plugin import Plugin
from plugins.tests import rtt
from tests.plugins.everything import ARCHIVERS, CONTEXTS, TESTS, TOOLS, label

FILLED = [*TESTS.values(), *ARCHIVERS.values(), *CONTEXTS.values()]


@pytest.mark.parametrize("plugin", [*FILLED, *TOOLS.values()], ids=label)
def test_who_speaks_an_older_level_sees_what_there_was(plugin: Plugin) -> None:
    assert enumeration(plugin, 6) == enumeration(plugin, 1) == plugin.enumeration()


@pytest.mark.parametrize("plugin", TOOLS.values(), ids=label)
def test_a_tool_gets_a_label(plugin: Plugin) -> None:
    shown = enumeration(plugin, 7)

    assert shown == {**plugin.enumeration(), "label": plugin.called}
    assert plugin.called != plugin.name


@pytest.mark.parametrize("plugin", FILLED, ids=label)
def test_every_version_has_a_schema_and_a_layout_of_its_members(plugin: Plugin) -> None:
    spec = enumeration(plugin, 7)["spec"]

    schemas, layouts = spec["jsonschema"]["versions"], spec["uischema"]["versions"]
    assert (schemas[0], layouts[0], len(schemas)) == (None, None, len(layouts))
    for schema, layout in zip(schemas[1:], layouts[1:], strict=True):
        jsonschema.Draft202012Validator.check_schema(schema)
        scopes = {f"#/properties/{name}" for name in schema.get("properties", {})}
        assert {control["scope"] for control in layout["elements"]} == scopes


@pytest.mark.parametrize("plugin", TESTS.values(), ids=label)
def test_the_schemas_of_a_test_take_its_examples(plugin: Any) -> None:
    shown = enumeration(plugin, 7)

    for part, examples in (("spec", plugin.examples), ("result", plugin.result_examples)):
        versions = shown[part]["jsonschema"]["versions"]
        for example in examples:
            assert (
                list(jsonschema.Draft202012Validator(versions[version_of(example)]).iter_errors(example))
                == []
            )


def test_a_form_has_the_labels_of_the_test_and_hides_what_is_private() -> None:
    (dest,) = (control for control in controls(rtt.TEST) if control["scope"].endswith("/dest"))
    hidden = [c["scope"] for c in controls(ARCHIVERS["http"]) if c.get("options") == {"format": "password"}]

    assert dest == {
        "type": "Control",
        "scope": "#/properties/dest",
        "label": "Destination",
        "customComponent": "input-text-autocomplete",
    }
    assert {"#/properties/_url", "#/properties/_headers"} <= set(hidden)
    assert all("/_" in scope for scope in hidden)


def controls(plugin: Plugin) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = enumeration(plugin, 7)["spec"]["uischema"]["versions"][-1]["elements"]
    return found
