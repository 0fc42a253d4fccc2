"""The check of plugins: it has nothing to say of ours, and finds each kind of defect."""

import dataclasses
import datetime as dt
import shutil
import subprocess
import sys
from typing import Any

import pytest

from local.plugin_check.__main__ import find, findings, main
from plugins import registry, sdk
from plugins.sdk.archiver import Archiver
from plugins.sdk.context import Context
from plugins.sdk.fields import Field
from plugins.sdk.plugin import Plugin
from plugins.sdk.show import Lines
from plugins.sdk.tool import Tool
from tests.plugins.everything import ARCHIVERS, CONTEXTS, TESTS, TOOLS, label

TEST = TESTS["noop"]
TOOL = TOOLS["snooze"]
EVERYTHING = [*TESTS.values(), *TOOLS.values(), *ARCHIVERS.values(), *CONTEXTS.values()]


@pytest.mark.parametrize("plugin", EVERYTHING, ids=label)
def test_nothing_is_wrong_with_our_own(plugin: Plugin) -> None:
    assert list(findings(plugin)) == []


def broken(*arguments: Any) -> Any:
    raise ZeroDivisionError("oh")


def fields(**changes: Any) -> dict[str, Any]:
    """noop with its first field, data, changed."""
    first, *others = TEST.fields
    return {"fields": (dataclasses.replace(first, **changes), *others)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "No Op"}, "its name is not made of"),
        ({"description": ""}, "its enumeration is wrong at /description"),
        ({"version": "first"}, "its enumeration is wrong at /version"),
        ({"scheduling_class": "sometimes"}, "its enumeration is wrong at /scheduling-class"),
        (fields(name="host"), "the member host is there twice"),
        (fields(flags="--data --fail"), "breaks with OptionConflictError"),
        (fields(help=""), "the member data has no label or no help"),
        (fields(flags="-d"), "the member data has no long option"),
        (fields(type={"type": "anything"}), "the schema of its spec, version 1, is not a schema"),
        ({"results": {2: TEST.results[1]}}, "the versions of its result are [2]"),
        ({"results": {1: {"required": "succeeded"}}}, "the schema of its result, version 1, is not a schema"),
        ({"examples": ({"schema": 1, "bogus": 1},)}, "spec example 0 is not valid: /: "),
        ({"result_examples": ({"succeeded": 1},)}, "result example 0 is not valid: "),
        (fields(since=2), "there is no example of a spec of schema 2"),
        ({"results": dict.fromkeys((1, 2), TEST.results[1])}, "no example of a result of schema 2"),
        ({"result_examples": TEST.result_examples[:1]}, "there is no example of a failed result"),
        ({"participants": lambda spec: []}, "nobody takes part in spec example 0"),
        ({"participants": lambda spec: ["a", None]}, "this host is not the first"),
        ({"participants": broken}, "its participants: it breaks with ZeroDivisionError('oh')"),
        (fields(read=lambda value: "another"), "the arguments made of spec example 1 make another"),
        (fields(write=lambda value: ["--data", "{"]), "arguments made of spec example 1 are refused: "),
        (fields(level=lambda value: 5), "the arguments of spec example 1 make one of schema 5"),
        (fields(level=lambda value: 2), "has members of schema 2, and is valid as 1"),
        ({"show": lambda spec, result: ["<b>Fine</b>"]}, "with '<b>Fine</b>', which is not a block"),
        ({"show": lambda spec, result: [Lines([])]}, "it shows nothing of successful result example 0"),
        ({"show": broken}, "what it shows: it breaks with ZeroDivisionError('oh')"),
    ],
)
def test_a_defect_of_a_test_is_found(changes: dict[str, Any], said: str) -> None:
    assert any(said in line for line in findings(dataclasses.replace(TEST, **changes)))


def test_markup_that_gets_through_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.sdk.show.html.escape", lambda text: text)

    lines = list(findings(dataclasses.replace(TEST, result_examples=({"succeeded": True, "data": "a"},))))

    assert "test noop: it lets markup in successful result example 0 become part of the page" in lines


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preference": "high"}, "its enumeration is wrong at /preference"),
        ({"tests": ()}, "its enumeration is wrong at /tests"),
        ({"tests": ("idle", "bogus")}, "there is no test bogus, which it says it performs"),
        ({"keys": frozenset(["schema", "bogus"])}, "it understands the member bogus"),
        ({"max_schema": 9}, "it understands specs of schema 9; the newest there is is 2"),
        ({"declines": lambda test, spec: "No"}, "are not a list of sentences: 'No'"),
        ({"needs": lambda: "No"}, "what it needs"),
        ({"needs": lambda: [5]}, "what it needs is not a list of sentences: [5]"),
        ({"here": lambda test, spec: [""]}, "its reasons here against idle example 0 are not a list"),
        (
            {"declines": lambda test, spec: [] if shutil.which("sh") else ["No sh"]},
            "for what the host lacks, which belongs in needs: ['No sh']",
        ),
        ({"declines": broken}, "its reasons: it breaks with ZeroDivisionError('oh')"),
        ({"duration": lambda test, spec: 5}, "its duration for idle example 0 is not a timedelta: 5"),
        ({"duration": lambda test, spec: dt.timedelta(0)}, "its duration for idle example 0 is 0:00:00"),
        ({"duration": lambda test, spec: dt.timedelta(days=99)}, "is 99 days"),
        ({"participant_data": lambda number, spec, host: []}, "idle example 0 is not an object"),
        ({"participant_data": lambda number, spec, host: {"at": host.now()}}, "breaks with TypeError"),
        ({"merge": lambda spec, results: {"succeeded": True}}, "it makes a success of failures of idle"),
    ],
)
def test_a_defect_of_a_tool_is_found(changes: dict[str, Any], said: str) -> None:
    assert any(said in line for line in findings(dataclasses.replace(TOOL, **changes)))


def test_a_tool_may_ask_the_host_for_programs_that_are_not_there() -> None:
    def data(number: int, spec: Any, host: Any) -> Any:
        return {"at": host.clock_state(), "version": host.execute(["iperf3", "--version"], timeout=5).stdout}

    assert list(findings(dataclasses.replace(TOOL, participant_data=data))) == []


def test_a_tool_that_takes_every_test_is_found() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Eager(Tool):
        def reasons_against(self, test: str, spec: Any) -> list[str]:
            return []

    eager = Eager(**{field.name: getattr(TOOL, field.name) for field in dataclasses.fields(TOOL)})

    assert "tool snooze: it does not decline the test rtt, which it does not perform" in list(findings(eager))


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (Context(name="a", description="A", data={1: {}}, enter=broken), "it accepts any member in its data"),
        (
            Archiver(name="a", description="A", data={1: {"type": "any"}}, deliver=broken),
            "the schema of its data, version 1, is not a schema",
        ),
        (Archiver(name="a", description="A", data={}, deliver=broken), "the versions of its data are []"),
    ],
)
def test_a_defect_of_settings_is_found(plugin: Plugin, said: str) -> None:
    assert any(said in line for line in findings(plugin))


def test_findings_are_lines_and_the_exit_status_tells(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = dataclasses.replace(TEST, description="", participants=broken)
    monkeypatch.setattr(registry, "tests", lambda: {"noop": poor})

    status = main(["noop"])

    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    assert len(lines) == 2
    assert all(line.startswith("test noop: ") for line in lines)


def test_the_same_name_may_be_of_several_kinds() -> None:
    assert [type(plugin) for plugin in find("http")] == [sdk.Test, Archiver]


def test_one_that_is_not_registered_is_found_by_its_module() -> None:
    assert find("plugins.tests.rtt:TEST") == [TESTS["rtt"]]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bogus", "There is no plugin bogus"),
        ("no.such.module:TEST", "cannot be imported"),
        ("plugins.tests.rtt:NO", "cannot be imported"),
        ("plugins.tests.rtt:FIELDS", "is a tuple, not a plugin"),
    ],
)
def test_what_is_not_there_is_said(name: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    assert said in capsys.readouterr().out


def test_it_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.plugin_check", "rtt", "ping"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "2 plugins, no problems found\n")


def test_a_field_is_complained_of_once() -> None:
    doubled = dataclasses.replace(TEST, fields=(*TEST.fields, Field("data", "AnyJSON", label="D", help="D")))

    assert sum("the member data is there twice" in line for line in findings(doubled)) == 1
