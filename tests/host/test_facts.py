"""What a host says of itself, and what can be told of it by that."""

import dataclasses
import json
from typing import Any

import pytest

from chalicelib.domain import host_facts
from chalicelib.domain.errors import Invalid, TooLarge
from chalicelib.host import facts
from chalicelib.host.facts import FactsHost
from plugins import registry
from plugins.sdk.jobs import PluginFailed
from plugins.tools.throughput import iperf3, nuttcp
from tests import fake_programs

FACTS: dict[str, Any] = {
    "schema": 1,
    "tools": {"iperf3": {"version": "1.0", "unmet": []}},
    "settings": {"nuttcp": {"server_port": "6001"}, "iperf3": {"iperf3_cmd": "/opt/iperf3"}},
    "answers": [
        {"argv": ["/opt/iperf3", "--version"], "status": 0, "stdout": "iperf 3.12 (cJSON)\n", "stderr": ""}
    ],
    "programs": {"ethr": ""},
}
OF_OTHERS = ("interfaces", "namespaces", "programs", "answers")
"""What changes while other tests make interfaces and namespaces, and keep programs from answering in time."""


def test_a_host_says_what_it_has_in_the_form_and_size_that_is_taken() -> None:
    found = facts.gather()

    assert host_facts.require_valid(json.loads(json.dumps(found))) == found
    assert set(found["tools"]) == set(registry.tools())
    assert {each["name"] for each in found["interfaces"]} >= {"lo"}
    again = {**facts.gather(), **{name: found[name] for name in OF_OTHERS}}
    assert host_facts.digest(again) == host_facts.digest(found)


def test_programs_are_asked_as_tools_ask_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fake_programs.VERSIONS, "iperf3", "iperf 3.99")
    fake_programs.make(tmp_path, "iperf3")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    host = FactsHost(facts.gather())

    assert iperf3.participant_data(0, {}, host)["iperf3-version"] == "3.99"


def test_participants_are_told_what_is_set_at_the_host_and_not_here() -> None:
    host = FactsHost(FACTS)

    assert nuttcp.participant_data(1, {}, host) == {"server_port": 6001, "data_port_start": 5101}
    assert iperf3.participant_data(0, {}, host) == {"schema": 3, "iperf3-version": "3.12"}


def test_what_was_never_asked_nobody_knows() -> None:
    with pytest.raises(PluginFailed, match="It is not known"):
        FactsHost(FACTS).execute(["nuttcp", "-V"], 5)


def test_a_plugin_that_breaks_has_needs_that_are_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError("oh")

    snooze = dataclasses.replace(registry.tools()["snooze"], needs=broken)
    monkeypatch.setattr(registry, "tools", lambda: {"snooze": snooze})

    (reason,) = facts.gather()["tools"]["snooze"]["unmet"]

    assert "ZeroDivisionError" in reason


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"tools": []}, "/tools"),
        ({"tools": {"ping": {"version": "1", "unmet": [5]}}}, "/tools/ping/unmet/0"),
        ({"answers": [{"argv": [], "status": 0, "stdout": "", "stderr": ""}]}, "/answers/0/argv"),
        ({"settings": {"a": {"b": 5}}}, "/settings/a/b"),
        ({"schema": "1"}, "/schema"),
    ],
)
def test_facts_of_another_form_are_refused(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        host_facts.require_valid({**FACTS, **change})

    assert refused.value.pointer == pointer


def test_too_many_facts_are_refused() -> None:
    long = {f"{number}": "x" * 200 for number in range(400)}

    with pytest.raises(TooLarge):
        host_facts.require_valid({**FACTS, "programs": long})
