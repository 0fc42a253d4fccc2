"""The schemas of plugins, and asking about specs that no URL can hold."""

import json
import urllib.parse
from typing import Any

import jsonschema
import pytest

from chalicelib.api.openapi.schema_export import portable
from plugins import registry
from tests.api.conftest import Api

TESTS = sorted(registry.tests())
SPEC = {"schema": 1, "duration": "PT2S", "parting-comment": "x" * 50_000}


@pytest.mark.parametrize("name", TESTS)
def test_a_tests_examples_follow_the_schemas_it_publishes(api: Api, name: str) -> None:
    published = api.get(f"/tests/{name}/schema")
    plugin = registry.tests()[name]

    for kind, examples in (("spec", plugin.examples), ("result", plugin.result_examples)):
        for example in examples:
            schema = published[kind][str(example.get("schema", 1))]
            jsonschema.Draft202012Validator.check_schema(schema)
            jsonschema.Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("name", TESTS)
def test_a_published_schema_takes_no_document_of_another_version(api: Api, name: str) -> None:
    for version, schema in api.get(f"/tests/{name}/schema")["spec"].items():
        other = {"schema": int(version) + 1}

        assert not jsonschema.Draft202012Validator(schema).is_valid(other)


@pytest.mark.parametrize("kind", ["tools", "archivers", "contexts"])
def test_every_plugin_publishes_its_schemas(api: Api, kind: str) -> None:
    for plugin in api.get(f"/{kind}?expanded"):
        published = api.get(f"/{kind}/{plugin['name']}/schema")
        schemas = list(published.get("tests", {"data": published}).values())

        assert schemas
        for versions in (one for group in schemas for one in group.values()):
            assert versions
            for schema in versions.values():
                jsonschema.Draft202012Validator.check_schema(schema)


def test_a_tool_that_understands_few_members_publishes_no_others(api: Api) -> None:
    strict = next(tool for tool in registry.tools().values() if tool.keys)

    for test in api.get(f"/tools/{strict.name}/schema")["tests"].values():
        for schema in test["spec"].values():
            assert set(schema["properties"]) <= set(strict.keys or ())


@pytest.mark.parametrize("kind", ["tests", "tools", "archivers", "contexts"])
def test_an_unknown_plugin_has_no_schemas(api: Api, kind: str) -> None:
    assert api.get(f"/{kind}/no-such/schema", 404)


def test_patterns_lose_what_only_python_understands() -> None:
    ours = {"type": "string", "pattern": r"^P(?!\Z)x\Z", "x-message": "{value} is bad"}

    assert portable(ours) == {"type": "string", "pattern": "^P(?!$)x$"}


def test_a_spec_too_long_for_a_url_is_judged_from_the_body(api: Api) -> None:
    assert api.ask("POST", "/tests/idle/spec/is-valid", SPEC) == (200, {"valid": True})
    _, verdict = api.ask("POST", "/tests/idle/spec/is-valid", {**SPEC, "surprise": 1})
    assert verdict["valid"] is False
    assert "surprise" in verdict["error"]
    assert api.ask("POST", "/tests/idle/spec/is-valid", b"{")[1]["valid"] is False
    assert api.ask("POST", "/tests/no-such/spec/is-valid", SPEC)[0] == 404


@pytest.mark.parametrize(
    ("path", "argument", "value"),
    [
        ("/tests/idle/spec/is-valid", "spec", {"duration": "PT2S"}),
        ("/tests/idle/spec/is-valid", "spec", 3),
        ("/tests/rtt/participants", "spec", {"dest": "192.0.2.1", "source": "192.0.2.2"}),
        ("/tests/rtt/participants", "spec", {"dest": "192.0.2.1"}),
        ("/tests/rtt/participants", "spec", []),
        ("/tests/idle/tools", "spec", {"duration": "PT2S"}),
        ("/tests/idle/tools?expanded", "spec", {"duration": "PT20S"}),
        ("/tests/idle/tools", "spec", {"duration": "soon"}),
        ("/tools", "test", {"type": "idle", "spec": {"duration": "PT2S"}}),
        ("/tools?api=6", "test", {"type": "idle", "spec": {"duration": "PT2S"}}),
        ("/tools?api=6", "test", {"type": "idle", "spec": {}}),
        ("/tools?api=6", "test", {"type": "no-such", "spec": {}}),
        ("/archivers/bitbucket/data-is-valid", "data", {}),
        ("/archivers/bitbucket/data-is-valid", "data", {"x": 1}),
        ("/contexts/changenothing/data-is-valid", "data", {}),
        ("/contexts/changenothing/data-is-valid", "data", None),
    ],
)
def test_what_stands_in_the_body_is_answered_like_what_stands_in_the_url(
    api: Api, path: str, argument: str, value: Any
) -> None:
    joint = "&" if "?" in path else "?"
    asked = f"{path}{joint}{argument}={urllib.parse.quote(json.dumps(value))}"

    status, answer = api.ask("GET", asked)
    if status == 400:  # a fault in the URL names the argument it is in; a body has no name
        answer = answer.removeprefix(argument)
    assert api.ask("POST", path, json.dumps(value).encode()) == (status, answer)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"type": 3}'])
def test_a_body_that_names_no_test_is_refused(api: Api, body: bytes) -> None:
    assert api.ask("POST", "/tools", body)[0] == 400
