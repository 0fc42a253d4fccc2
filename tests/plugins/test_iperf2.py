"""The iperf2 tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.support.host_lookup import Ends
from plugins.tests.throughput import TEST
from plugins.tools.throughput import iperf2, iperf2_output, two_ended
from tests.builders import at, seconds
from tests.plugins import two_ends
from tests.plugins.programs import needs
from tests.plugins.two_ends import GENTLE, SHORT, Programs, checked

HERE = pathlib.Path(__file__).with_name("iperf2")
TCP = (HERE / "tcp.out").read_text()
ENDS = Ends("198.51.100.1", "192.0.2.1", 4)


# --- output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", two_ends.captured("iperf2"))
def test_reads_what_the_program_printed(path: pathlib.Path) -> None:
    parsed = iperf2_output.parse(path.with_suffix(".out").read_text())

    assert parsed == json.loads(path.read_text())
    assert TEST.result_versions.problem({"succeeded": True, "diags": "", **parsed}) is None


def test_there_is_captured_output() -> None:
    assert len(list(HERE.glob("*.out"))) == 6
    assert len(list(HERE.glob("*.json"))) == 5  # one is of a failure


def test_versions_that_say_less_are_read_as_well() -> None:
    lines = (
        "[  3]  0.0- 1.0 sec  125000 Bytes  1000000 bits/sec",
        "[  3]  0.0- 1.1 sec  137500 Bytes  1 bits/sec",
    )

    parsed = iperf2_output.parse("\n".join([*lines, "[  3] MSS size 1448 bytes (MTU 1500 bytes, ethernet)"]))

    assert parsed["intervals"][0]["summary"] == {
        "start": 0.0,
        "end": 1.0,
        "throughput-bits": 1e6,
        "throughput-bytes": 125000,
    }
    assert parsed["summary"]["streams"][0]["stream-id"] == "3"
    assert parsed["mss"] == 1448


def test_streams_without_a_sum_are_added_up() -> None:
    lines = [f"[  {n}] 0.0-{n}.0 sec  {n} Bytes  {n}000 bits/sec  1/0  {n}  5K/7(1) us  1" for n in (3, 4)]

    total = iperf2_output.parse("\n".join(lines))["summary"]["summary"]

    assert total == {
        "start": 0.0,
        "end": 4.0,
        "throughput-bits": 7000,
        "throughput-bytes": 7,
        "retransmits": 7,
    }


def test_a_server_that_did_not_report_leaves_what_was_sent() -> None:
    udp = (HERE / "udp.out").read_text()

    total = iperf2_output.parse(udp[: udp.index("[  1] Server Report")])["summary"]["summary"]

    assert total["sent"] == 3404
    assert not {"lost", "jitter", "receiver-throughput-bits"} & set(total)


def test_an_interval_that_is_not_a_number_is_left_out_alone() -> None:
    whole = iperf2_output.parse((HERE / "tcp.out").read_text())
    lines = (HERE / "tcp.out").read_text().splitlines()
    lines.insert(-1, "[  1] 1.0000-1.0000 sec  0 Bytes  -nan bits/sec")

    assert iperf2_output.parse("\n".join(lines)) == whole


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ("", "no figures"),
        ((HERE / "refused.out").read_text(), "no figures"),
        ("[  3]  1.0- 2.0 sec  125000 Bytes  1000000 bits/sec", "no figures"),  # nothing of the whole
        ("[  3]  0.0- 0.0 sec  0 Bytes  -nan bits/sec", "not a number"),
        ("[  3]  0.0- 0.0 sec  0 Bytes  inf bits/sec", "not a number"),
    ],
)
def test_output_without_figures_is_a_failure(output: str, error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        iperf2_output.parse(output)


# --- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-t 10 -m -B 198.51.100.1"),
        ({"duration": "PT2.5S", "interval": "PT0.5S"}, "-t 3 -m -i 0.5 -B 198.51.100.1"),
        ({"udp": True, "bandwidth": 1e7}, "-t 10 -m -u -b 10000000 -B 198.51.100.1"),
        ({"parallel": 2, "window-size": 9, "fq-rate": 8}, "-t 10 -m -P 2 -w 9 --fq-rate 8 -B 198.51.100.1"),
        ({"buffer-length": 7, "congestion": "reno"}, "-t 10 -m -l 7 -B 198.51.100.1 -Z reno"),
    ],
)
def test_the_clients_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    arguments = iperf2.client_argv(spec, ENDS, 5001)

    assert " ".join(arguments) == f"iperf -e --format b -p 5001 -c 192.0.2.1 {expected}"


def test_arguments_of_ipv6() -> None:
    ends = Ends(None, "::1", 6)

    assert " ".join(iperf2.client_argv({}, ends, 1)) == "iperf -e --format b -p 1 -V -c ::1 -t 10 -m"
    assert " ".join(iperf2.server_argv({"udp": True}, ends, 1)) == "iperf -s -p 1 -V -u"
    assert " ".join(iperf2.server_argv({}, ENDS, 1)) == "iperf -s -p 1"


@pytest.mark.parametrize("udp", [{}, {"udp": False}])
def test_declines_a_bandwidth_without_udp(udp: dict[str, Any]) -> None:
    assert iperf2.declines("throughput", {"bandwidth": 1, **udp}) == ["Limits bandwidth with UDP only"]
    assert iperf2.declines("throughput", {"bandwidth": 1, "udp": True}) == []


@pytest.mark.parametrize("extra", [{"reverse": True}, {"omit": "PT1S"}, {"ip-tos": 1}, {"mss": 1400}])
def test_declines_what_it_cannot_do(extra: dict[str, Any]) -> None:
    reasons = iperf2.TOOL.reasons_against("throughput", {"schema": 1, "dest": "a", **extra})

    assert f"Does not support {next(iter(extra))}" in reasons


@pytest.mark.parametrize(("spec", "planned"), [({}, 16), ({"duration": "PT3S", "link-rtt": "PT0.1S"}, 7)])
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: int) -> None:
    assert iperf2.duration("throughput", spec) == seconds(planned)


def test_the_server_tells_its_port() -> None:
    assert [iperf2.participant_data(number, {}, Programs()) for number in (0, 1)] == [
        {},
        {"server_port": 5001},
    ]


# --- both ends, on programs that only seem to run ---------------------------------------------------


def test_the_client_waits_for_the_server() -> None:
    host = Programs(iperf=Completed(0, TCP, ""))

    local = two_ends.end(iperf2.TOOL, {"dest": "127.0.0.1"}, host)

    assert local["summary"] == json.loads((HERE / "tcp.json").read_text())["summary"]
    assert host.slept_until == [at(2), at(3)]
    assert host.timeouts == [15]


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        # It ends well when nobody lets it in, and speaks of it.
        (Completed(0, TCP, "tcp connect failed: Connection refused\n"), "tcp connect failed"),
        (Completed(1, "", ""), "iperf ended with status 1"),
        (Completed(0, "", ""), "no figures"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error) as failed:
        two_ends.end(iperf2.TOOL, {"dest": "127.0.0.1"}, Programs(iperf=completed))

    assert failed.value.diags.startswith("iperf -e --format b")


def test_a_server_runs_until_it_is_ended() -> None:
    host = Programs(iperf=Completed(-15, "", "", stopped=True))

    local = two_ends.end(iperf2.TOOL, {"dest": "127.0.0.1"}, host, participant=1)

    assert local["succeeded"]
    assert host.slept_until == [at(2)]


def test_a_server_that_ends_by_itself_has_failed() -> None:
    host = Programs(iperf=Completed(0, "", "listener bind failed: Address already in use\n"))

    with pytest.raises(PluginFailed, match="listener bind failed"):
        two_ends.end(iperf2.TOOL, {"dest": "127.0.0.1"}, host, participant=1)


# --- the program itself -----------------------------------------------------------------------------


# It tells its version with status 1.
needs_iperf = needs("sh", "-c", "iperf -v 2>&1 | grep -q 'iperf version 2'")


def told() -> list[dict[str, Any]]:
    return [{}, {"server_port": two_ended.free_port()}]


@needs_iperf
def test_measures_between_two_ends() -> None:
    spec = {"dest": "127.0.0.1", "source": "127.0.0.1", "interval": "PT0.5S", "parallel": 2, **SHORT}

    results = two_ends.measure(iperf2.TOOL, spec, told(), endless=True)

    merged = checked(iperf2.TOOL.merge(spec, results))
    assert len(merged["summary"]["streams"]) == 2
    assert len(merged["intervals"]) >= 2


@needs_iperf
@two_ends.needs_ipv6
def test_measures_datagrams_over_ipv6() -> None:
    spec = {"dest": "::1", "udp": True, "bandwidth": 2_000_000, **SHORT}

    results = two_ends.measure(iperf2.TOOL, spec, told(), endless=True)

    total = checked(iperf2.TOOL.merge(spec, results))["summary"]["summary"]
    assert total["sent"] > 0
    assert {"lost", "jitter", "receiver-throughput-bits"} <= set(total)


@needs_iperf
def test_a_server_that_cannot_listen_fails_the_test() -> None:
    spec, data = {"dest": "127.0.0.1", **SHORT}, told()

    with two_ends.occupied(data[1]["server_port"]):
        results = two_ends.measure(iperf2.TOOL, spec, data)

    assert not iperf2.TOOL.merge(spec, results)["succeeded"]
    assert "bind failed" in results[1]["error"]


@needs_iperf
def test_measures_on_one_machine() -> None:
    merged = two_ends.alone(iperf2.TOOL, {"dest": "127.0.0.1", "loopback": True, **SHORT, **GENTLE})

    assert checked(merged)
