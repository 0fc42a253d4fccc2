"""The nuttcp tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.support.host_lookup import Ends
from plugins.tests.throughput import TEST
from plugins.tools.throughput import nuttcp, nuttcp_output, two_ended
from tests.builders import at, seconds
from tests.plugins import two_ends
from tests.plugins.programs import needs
from tests.plugins.two_ends import SHORT, Programs, checked

HERE = pathlib.Path(__file__).with_name("nuttcp")
TCP = (HERE / "tcp.out").read_text()
ENDS = Ends(None, "192.0.2.1", 4)
TOLD = {"server_port": 5001, "data_port_start": 5101}


# --- output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", two_ends.captured("nuttcp"))
def test_reads_what_the_program_printed(path: pathlib.Path) -> None:
    parsed = nuttcp_output.parse(path.with_suffix(".out").read_text())

    assert parsed == json.loads(path.read_text())
    assert TEST.result_versions.problem({"succeeded": True, "diags": "", **parsed}) is None


def test_there_is_captured_output() -> None:
    assert len(list(HERE.glob("*.out"))) == 8
    assert len(list(HERE.glob("*.json"))) == 7  # one is of a failure


def test_intervals_follow_each_other() -> None:
    intervals = nuttcp_output.parse((HERE / "version8.out").read_text())["intervals"]

    assert [(i["summary"]["start"], i["summary"]["end"]) for i in intervals] == [(0, 1), (1, 2)]
    assert [i["summary"]["tcp-window-size"] for i in intervals] == [412 * 1024, 1024 * 1024]


@pytest.mark.parametrize("output", ["", (HERE / "usage.out").read_text(), TCP.splitlines()[0]])
def test_output_without_a_summary_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed, match="no summary"):
        nuttcp_output.parse(output)


# --- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-T 10"),
        ({"duration": "PT2.5S", "interval": "PT0.5S", "parallel": 4}, "-T 3 -i 0.5 -N 4"),
        ({"window-size": 1_000_000, "mss": 1400}, "-T 10 -w 977 -M 1400"),  # in kilobytes
        ({"window-size": 1}, "-T 10 -w 1"),
        ({"buffer-length": 7.0, "ip-tos": 32}, "-T 10 -l 7 -c 32T"),
        ({"bandwidth": 20_000_000}, "-T 10 -R20000"),  # in thousands
        ({"bandwidth": 1}, "-T 10 -R1"),  # 0 is no limit
        ({"bandwidth": 5000, "bandwidth-strict": True}, "-T 10 -Ri5"),
        ({"bandwidth": 5000, "burst-size": 10}, "-T 10 -Ri5/10"),
        ({"burst-size": 10}, "-T 10 -Ri0.0/10"),
        ({"bandwidth-strict": True}, "-T 10"),
        # With -r the server sends; -F has the receiver make the connections.
        ({"reverse": True}, "-T 10 -r -F"),
        ({"reverse-connections": True}, "-T 10 -F"),
        ({"reverse": True, "reverse-connections": True}, "-T 10 -r"),
    ],
)
def test_the_clients_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    arguments = nuttcp.client_argv(spec, ENDS, TOLD, version=8)

    assert " ".join(arguments) == f"nuttcp -p 5101 -P 5001 -4 {expected} 192.0.2.1"


@pytest.mark.parametrize(("version", "expected"), [(8, "-u -j"), (7, "-u -j"), (6, "-u")])
def test_jitter_is_asked_of_versions_that_know_it(version: int, expected: str) -> None:
    arguments = nuttcp.client_argv({"udp": True}, ENDS, TOLD, version)

    assert " ".join(arguments) == f"nuttcp -p 5101 -P 5001 -4 -T 10 {expected} 192.0.2.1"


def test_the_server_serves_one_client() -> None:
    arguments = nuttcp.server_argv(Ends(None, "::1", 6), TOLD)

    assert " ".join(arguments) == "nuttcp -S -1 --nofork -p 5101 -P 5001 -6"


@pytest.mark.parametrize("extra", [{"omit": "PT1S"}, {"zero-copy": True}, {"local-address": "a"}])
def test_declines_what_it_cannot_do(extra: dict[str, Any]) -> None:
    reasons = nuttcp.TOOL.reasons_against("throughput", {"schema": 1, "dest": "a", **extra})

    assert f"Does not support {next(iter(extra))}" in reasons


@pytest.mark.parametrize(("spec", "planned"), [({}, 16), ({"duration": "PT3S", "link-rtt": "PT1S"}, 9)])
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: int) -> None:
    assert nuttcp.duration("throughput", spec) == seconds(planned)


def test_the_server_tells_its_ports() -> None:
    assert [nuttcp.participant_data(number, {}, Programs()) for number in (0, 1)] == [{}, TOLD]


# --- both ends, on programs that only seem to run ---------------------------------------------------


def test_the_client_waits_for_the_server() -> None:
    host = Programs(nuttcp=Completed(0, TCP, "ignoring interval\n"))

    local = two_ends.end(nuttcp.TOOL, {"dest": "127.0.0.1"}, host, data_port_start=5101)

    assert local["summary"] == json.loads((HERE / "tcp.json").read_text())["summary"]
    assert host.slept_until == [at(2), at(4)]
    assert host.executed[-1][1:5] == ["-p", "5101", "-P", "5999"]


def test_the_version_is_asked_before_the_start_where_it_matters() -> None:
    host = Programs(nuttcp=Completed(0, f"nuttcp-8.2.2\n{TCP}", ""))

    two_ends.end(nuttcp.TOOL, {"dest": "127.0.0.1", "udp": True}, host)

    assert ["nuttcp", "-V"] in host.executed
    assert "-j" in host.executed[-1]


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        (Completed(1, "", "nuttcp-t: v6.1.2: Error: connect: Connection refused\n"), "Connection refused"),
        (Completed(1, (HERE / "usage.out").read_text(), ""), "Usage"),
        (Completed(0, "", ""), "no summary"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error) as failed:
        two_ends.end(nuttcp.TOOL, {"dest": "127.0.0.1"}, Programs(nuttcp=completed))

    assert failed.value.diags.startswith("nuttcp -p 5101 -P 5999")


@pytest.mark.parametrize("completed", [Completed(0, "", ""), Completed(-15, "", "", stopped=True)])
def test_a_server_has_done_its_part_when_its_client_left_or_never_came(completed: Completed) -> None:
    local = two_ends.end(nuttcp.TOOL, {"dest": "127.0.0.1"}, Programs(nuttcp=completed), participant=1)

    assert local["succeeded"]


def test_a_server_that_broke_down_has_failed() -> None:
    with pytest.raises(PluginFailed, match="nuttcp ended with status 1"):
        two_ends.end(nuttcp.TOOL, {"dest": "127.0.0.1"}, Programs(nuttcp=Completed(1, "", "")), participant=1)


# --- the program itself -----------------------------------------------------------------------------


def told() -> list[dict[str, Any]]:
    return [{}, {"server_port": two_ended.free_port(), "data_port_start": two_ended.free_port()}]


@needs("nuttcp", "-V")
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("connections", [False, True])
def test_measures_between_two_ends(reverse: bool, connections: bool) -> None:
    turns = {"reverse": reverse, "reverse-connections": connections}
    spec = {"schema": 6, "dest": "127.0.0.1", **turns, **SHORT}

    results = two_ends.measure(nuttcp.TOOL, spec, told())

    assert checked(nuttcp.TOOL.merge(spec, results))


@needs("nuttcp", "-V")
@two_ends.needs_ipv6
def test_measures_datagrams_over_ipv6() -> None:
    spec = {"dest": "::1", "udp": True, "bandwidth": 2_000_000, **SHORT}

    results = two_ends.measure(nuttcp.TOOL, spec, told())

    total = checked(nuttcp.TOOL.merge(spec, results))["summary"]["summary"]
    assert total["sent"] > 0
    assert "lost" in total


@needs("nuttcp", "-V")
def test_a_server_that_cannot_listen_fails_the_test() -> None:
    spec, data = {"dest": "127.0.0.1", **SHORT}, told()

    with two_ends.occupied(data[1]["server_port"]):
        results = two_ends.measure(nuttcp.TOOL, spec, data)

    assert not nuttcp.TOOL.merge(spec, results)["succeeded"]
    assert "nuttcp" in results[1]["error"]


@needs("nuttcp", "-V")
def test_measures_on_one_machine() -> None:
    merged = two_ends.alone(nuttcp.TOOL, {"dest": "127.0.0.1", "loopback": True, **SHORT})

    assert checked(merged)
