"""Plugins through the pages
(docs/contract/api.md, Plugins), and what clients rely on (docs/contract/cli.md)."""

import json
from typing import Any

import jsonschema
import pytest

from plugins import registry
from tests.api.conftest import Api, query

KINDS = {
    "tests": registry.tests,
    "tools": registry.tools,
    "archivers": registry.archivers,
    "contexts": registry.contexts,
}
IDLE_SPEC = json.dumps({"duration": "PT2S"})


def asked(api: Api, path: str, status: int = 200, /, **arguments: Any) -> Any:
    encoded = {n: v if isinstance(v, str) else json.dumps(v) for n, v in arguments.items()}
    return api.get(query(path, **encoded), status)


@pytest.mark.parametrize("kind", KINDS)
def test_plugins_are_listed_by_name_as_hrefs_or_whole(api: Api, kind: str) -> None:
    names = list(KINDS[kind]())

    hrefs, whole = api.get(f"/{kind}"), api.get(f"/{kind}?expanded=True")

    assert hrefs == [f"http://node.test/{kind}/{name}" for name in names]
    assert [one["name"] for one in whole] == names == sorted(names)
    assert [one["href"] for one in whole] == hrefs
    assert set(whole[0]["maintainer"]) == {"name", "email", "href"}
    assert {"schema", "description", "version"} <= set(whole[0])


@pytest.mark.parametrize("kind", KINDS)
def test_one_plugin_is_shown_and_a_missing_one_named(api: Api, kind: str) -> None:
    name = next(iter(KINDS[kind]()))

    assert api.get(f"/{kind}/{name}")["name"] == name
    assert "no-such" in api.get(f"/{kind}/no-such", 404)


def test_tests_have_a_class_and_tools_their_tests_and_preference(api: Api) -> None:
    assert api.get("/tests/idleex")["scheduling-class"] == "exclusive"
    tool = api.get("/tools/snooze")
    assert (tool["tests"], tool["preference"]) == (["idle", "idleex"], 0)


# --- specs ------------------------------------------------------------------------------------------


def test_a_command_line_becomes_a_spec(api: Api) -> None:
    assert asked(api, "/tests/idle/spec", args=["--duration", "PT2S"]) == {"schema": 1, "duration": "PT2S"}
    assert asked(api, "/tests/rtt/spec", args=["--dest", "127.0.0.1", "--count", 3])["count"] == 3


@pytest.mark.parametrize("help_flag", ["-h", "--help"])
@pytest.mark.parametrize("name", list(registry.tests()))
def test_help_travels_as_the_text_of_a_400_and_names_every_flag(api: Api, name: str, help_flag: str) -> None:
    text = asked(api, f"/tests/{name}/spec", 400, args=[help_flag])

    assert "Usage" in text
    fields = [field for field in registry.tests()[name].fields if field.flags and field.help]
    assert all(field.flags.split()[0] in text for field in fields)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--no-such"], "no such option: --no-such"),
        (["--duration"], "--duration"),
        (["--duration", "PT1S", "stray"], "stray"),
        ({}, "args: must be an array"),
        ([None], "args"),
        ([True], "args"),
        ([["x"]], "args"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_told(api: Api, args: Any, complaint: str) -> None:
    assert complaint in asked(api, "/tests/idle/spec", 400, args=args)


@pytest.mark.parametrize("page", ["spec", "spec/is-valid", "participants"])
def test_pages_of_a_test_need_their_argument_and_their_test(api: Api, page: str) -> None:
    assert "is missing" in api.get(f"/tests/idle/{page}", 400)
    assert "no test no-such" in asked(api, f"/tests/no-such/{page}", 404, spec={}, args=[])


@pytest.mark.parametrize(
    ("spec", "valid"),
    [
        (IDLE_SPEC, True),
        ('{"duration": 5}', False),
        ('{"duration": "PT2S", "x": 1}', False),
        ("{}", False),
        ("[]", False),
        ("null", False),
        ("5", False),
        ("{", False),
        ("NaN", False),
        ('{"schema": 0, "duration": "PT2S"}', False),
        ('{"schema": true, "duration": "PT2S"}', False),
        ('{"schema": 1e400, "duration": "PT2S"}', False),
    ],
)
def test_a_spec_is_valid_or_why_not_is_told(api: Api, spec: str, valid: bool) -> None:
    verdict = asked(api, "/tests/idle/spec/is-valid", spec=spec)

    assert verdict["valid"] is valid
    assert valid or verdict["error"].strip()


def test_participants_are_hosts_null_being_this_one(api: Api) -> None:
    assert asked(api, "/tests/rtt/participants", spec={"dest": "127.0.0.1"}) == {
        "participants": [None],
        "null-reason": "No source specified",
    }
    named = asked(api, "/tests/rtt/participants", spec={"dest": "127.0.0.1", "source": "192.0.2.1"})
    assert named == {"participants": ["192.0.2.1"]}
    assert "reason" in asked(api, "/tests/idle/participants", spec=IDLE_SPEC)


@pytest.mark.parametrize("spec", ["{", "[]", "5", '{"dest": 5}'])
def test_participants_of_what_is_no_spec_are_refused(api: Api, spec: str) -> None:
    assert "spec" in asked(api, "/tests/rtt/participants", 400, spec=spec)


# --- tools ------------------------------------------------------------------------------------------


def test_the_tools_of_a_test_come_in_order_of_preference(api: Api) -> None:
    found = api.get("/tests/idle/tools?expanded")

    assert [tool["name"] for tool in found] == ["sleep", "snooze"]
    assert api.get("/tests/no-such/tools") == []


def test_tools_say_whether_they_can_run_in_the_form_of_the_level(api: Api) -> None:
    wanted = {"type": "idle", "spec": {"duration": "PT2S"}}

    level_1 = asked(api, "/tools", test=wanted)
    level_6 = asked(api, "/tools", test=wanted, api="6")

    assert [tool["name"] for tool in level_1] == ["snooze"]
    verdicts = {one["tool"]["name"]: one["can-run"] for one in level_6}
    assert verdicts["snooze"] == {"can-run": True}
    assert verdicts["sleep"]["can-run"] is False
    assert verdicts["sleep"]["reasons"]
    for level in "12345":
        assert asked(api, "/tools", test=wanted, api=level) == level_1


@pytest.mark.parametrize(
    ("wanted", "status", "found"),
    [
        ({"type": "no-such", "spec": {}}, 200, []),
        ({"type": "idle", "spec": {}}, 200, []),  # nobody wants a spec that is not valid
        ({"type": "idle"}, 200, []),
        ({"spec": {}}, 400, "type"),
        ({"type": 5}, 400, "type"),
        ([], 400, "test"),
        ("{", 400, "test"),
    ],
)
def test_odd_tests_find_no_tools_or_are_refused(api: Api, wanted: Any, status: int, found: Any) -> None:
    answer = asked(api, "/tools", status, test=wanted)

    assert answer == found if status == 200 else found in answer


# --- data -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data", "valid"),
    [
        ("/archivers/bitbucket", "{}", True),
        ("/archivers/bitbucket", '{"x": 1}', False),
        ("/archivers/bitbucket", "[]", False),
        ("/archivers/bitbucket", "{", False),
        ("/archivers/http", '{"_url": "http://127.0.0.1/"}', True),
        ("/archivers/http", "{}", False),
        ("/contexts/changenothing", "{}", True),
        ("/contexts/changenothing", '{"x": 1}', False),
        ("/contexts/changenothing", "null", False),
    ],
)
def test_data_are_valid_or_why_not_is_told(api: Api, path: str, data: str, valid: bool) -> None:
    verdict = asked(api, f"{path}/data-is-valid", data=data)

    assert verdict["valid"] is valid
    assert valid or verdict["error"].strip()


@pytest.mark.parametrize("kind", ["archivers", "contexts"])
def test_data_need_their_argument_and_their_plugin(api: Api, kind: str) -> None:
    name = next(iter(KINDS[kind]()))

    assert "data is missing" in api.get(f"/{kind}/{name}/data-is-valid", 400)
    assert "no-such" in asked(api, f"/{kind}/no-such/data-is-valid", 404, data="{}")


# --- specs in the manner of a form ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "form", "participants"),
    [
        ("throughput", "spec=source=a.test&dest=b.test&duration=PT10S&schema=1", ["a.test", "b.test"]),
        ("throughput", "spec=dest=b.test&parallel=3&reverse=True", [None, "b.test"]),
        ("throughput", "spec=schema=1&source=a.test&dest=b.test&source-node=n.test", ["n.test", "b.test"]),
        ("rtt", "spec=source=a.test&dest=b.test&pretty", ["a.test"]),
        ("throughput", "spec=dest=b.test&source=%5B%5D", [None, "b.test"]),  # a list that nobody can read
        ("idle", "spec=schema=2&duration=PT2S&host=%5B%27a.test%27%2C+%27b.test%27%5D", ["a.test", "b.test"]),
    ],
)
def test_an_agent_that_writes_a_spec_like_a_form_hears_who_takes_part(
    api: Api, test: str, form: str, participants: list[str | None]
) -> None:
    assert api.get(f"/tests/{test}/participants?{form}")["participants"] == participants


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ("spec=source=a.test", "dest"),  # what is missing is missing however it is written
        ("spec=schema=99&dest=b.test", "99"),
        ("spec=dest=b.test&schema=" + "9" * 5000, "schema"),  # more digits than Python reads
        ("spec=dest=b.test&schema=two", "schema"),
        ("spec=dest=b.test&schema=", "schema"),
        ("spec=dest=" + "x" * 300, "dest"),
        ("spec=dest=b.test&source=%00", "source"),
        ("spec=dest=b.test&parallel=" + "9" * 5000, "parallel"),
        ("spec=[[", "JSON"),
        ("spec==", "JSON"),
    ],
)
def test_a_form_that_makes_no_spec_is_refused(api: Api, form: str, complaint: str) -> None:
    assert complaint in api.get(f"/tests/throughput/participants?{form}", 400)


# --- what API level 7 adds --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_older_clients_see_no_label_and_no_schemas(api: Api, kind: str) -> None:
    for level in ("", "&api=6"):
        shown = api.get(f"/{kind}?expanded{level}")
        assert all({"label", "spec", "result"}.isdisjoint(one) and one["schema"] == 1 for one in shown)


@pytest.mark.parametrize("kind", ["tests", "archivers", "contexts"])
def test_from_level_7_on_a_plugin_comes_with_a_label_and_what_it_takes(api: Api, kind: str) -> None:
    for one in api.get(f"/{kind}?expanded&api=7"):
        schemas, layouts = one["spec"]["jsonschema"]["versions"], one["spec"]["uischema"]["versions"]
        assert (one["schema"], bool(one["label"])) == (2, True)
        assert schemas[0] is layouts[0] is None  # there is no version 0
        for schema, layout in zip(schemas[1:], layouts[1:], strict=True):
            jsonschema.Draft7Validator.check_schema(schema)
            members = [element["scope"] for element in layout["elements"]]
            assert members[0] == "#/properties/schema"
            assert set(members) == {f"#/properties/{name}" for name in schema["properties"]}


def test_at_level_7_the_schemas_of_a_test_are_those_it_is_checked_with(api: Api) -> None:
    shown = api.get("/tests/idle?api=7")
    spec = jsonschema.Draft7Validator(shown["spec"]["jsonschema"]["versions"][2])
    result = jsonschema.Draft7Validator(shown["result"]["jsonschema"]["versions"][1])

    assert spec.is_valid({"schema": 2, "duration": "PT1S", "host": ["a.test"]})
    assert not spec.is_valid({"duration": "PT1S"})  # that is version 1
    assert not spec.is_valid({"schema": 2, "duration": "soon"})
    assert all(result.is_valid(example) for example in registry.tests()["idle"].result_examples)


def test_a_form_has_a_widget_for_what_a_member_is(api: Api) -> None:
    layout = api.get("/tests/rtt?api=7")["spec"]["uischema"]["versions"][1]
    elements = {element["scope"].rpartition("/")[2]: element for element in layout["elements"]}

    assert layout["type"] == "VerticalLayout"
    assert elements["schema"]["customComponent"] == "dropdown-single-select"
    assert elements["dest"]["customComponent"] == "input-text-autocomplete"
    assert elements["count"]["customComponent"] == "input-number"
    assert elements["ip-version"]["customComponent"] == "dropdown-single-select"
    assert elements["hostnames"]["customComponent"] == "input-checkbox"
    assert elements["timeout"]["customComponent"] == "input-text"
    assert elements["dest"]["label"] == "Destination"


def test_a_tool_has_a_label_at_level_7_wherever_it_is_shown(api: Api) -> None:
    wanted = {"type": "idle", "spec": {"duration": "PT2S"}}
    verdict = asked(api, "/tools", test=wanted, api="7")[0]

    assert verdict["tool"]["label"] == api.get("/tools/sleep?api=7")["label"] == "Sleep"
    assert "label" not in asked(api, "/tools", test=wanted, api="6")[0]["tool"]
    assert "spec" not in verdict["tool"]
