"""The nmapscan tool: its arguments, what it makes of the program's output, and the program itself."""

import dataclasses
import json
import pathlib
import socket
from random import Random
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.openports import TEST
from plugins.tools.reach import nmapscan
from plugins.tools.reach.nmapscan import TOOL, parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins.garbage import lines
from tests.plugins.jobs import FakeHost, job
from tests.plugins.programs import needs
from tests.plugins.traces import captured, printed, text

CAPTURED = captured(TOOL)


def measure(host: Any, /, **spec: Any) -> dict[str, Any]:
    whole = {"network": "203.0.113.2", **spec}
    assert TEST.problem(whole) is None
    start = {"start": host.now()} if isinstance(host, Machine) else {}
    merged = TOOL.merge(whole, [TOOL.run(job(TOOL, whole, host, **start))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


@pytest.mark.parametrize("output", CAPTURED, ids=lambda path: path.stem)
def test_reads_what_the_program_printed(output: pathlib.Path) -> None:
    assert parse(output.read_text()) == json.loads(output.with_suffix(".json").read_text())


def test_there_is_captured_output() -> None:
    assert len(CAPTURED) == 5


@pytest.mark.parametrize("output", ["", "# Nmap 7.93 scan initiated\nHost: 192.0.2.1 ()\tStatus: Up\n"])
def test_output_without_an_end_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed):
        parse(output)


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    output = lines(chance, printed(CAPTURED))
    for whole in (output, f"{output}\n# Nmap done at noon"):
        try:
            found = parse(whole)
        except PluginFailed:
            continue
        assert TEST.result_versions.problem({"succeeded": True, "result": found}) is None


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"network": "192.0.2.1"}, "nmap -n -oG - --top-ports 1000 192.0.2.1"),
        ({"network": "192.0.2.7/30"}, "nmap -n -oG - --top-ports 1000 192.0.2.4/30"),
        ({"network": "::1", "ports": "22,80-90"}, "nmap -n -oG - -6 -p 22,80-90 ::1"),
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    assert " ".join(nmapscan.argv(spec, nmapscan.target(spec))) == expected


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({"network": "192.0.2.1"}, 12.1),
        ({"network": "www.example.org"}, 12.1),
        ({"network": "192.0.2.0/30"}, (4 * 6 + 5) * 1.1),
        ({"network": "192.0.2.0/24", "timeout": "PT20S"}, 20),
        ({"network": "2001:db8::/126"}, (4 * 6 + 5) * 1.1),
    ],
)
def test_plans_six_seconds_an_address(spec: dict[str, Any], planned: float) -> None:
    assert nmapscan.duration("openports", spec).total_seconds() == pytest.approx(planned)


def test_a_network_nobody_could_go_through_is_declined() -> None:
    assert any(
        "century" in reason
        for reason in dataclasses.replace(TOOL, programs=()).reasons_against("openports", {"network": "::/0"})
    )


@pytest.mark.parametrize(("services", "reasons"), [(True, 1), (False, 0)])
def test_declines_to_look_for_services(services: bool, reasons: int) -> None:
    assert len(TOOL.declines("openports", {"network": "a", "services": services})) == reasons


def test_waits_for_the_start_and_merges_what_it_found() -> None:
    host = FakeHost(Completed(0, text(TOOL, "ports"), ""))

    result = measure(host, ports="22,80,443", source="192.0.2.1")

    assert host.slept_until == [at(2)]
    assert host.executed == [["nmap", "-n", "-oG", "-", "-p", "22,80,443", "-S", "192.0.2.1", "203.0.113.2"]]
    assert result["result"] == {"203.0.113.2": {"22": "closed", "80": "open", "443": "closed"}}


def test_a_name_without_an_address_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"nowhere\.invalid"):
        measure(FakeHost(), network="nowhere.invalid")


def test_a_program_that_could_not_look_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="QUITTING"):
        measure(FakeHost(Completed(1, "", "QUITTING!\n")))


@needs("nmap", "-n", "-p", "1", "127.0.0.1")
def test_finds_an_open_port_of_this_machine(closed_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        result = measure(Machine(), network="127.0.0.1", ports=f"{port},{closed_port}", timeout="PT30S")

    assert result["result"] == {"127.0.0.1": {str(port): "open", str(closed_port): "closed"}}
    assert seconds(0) < nmapscan.duration("openports", {"network": "127.0.0.1"})
