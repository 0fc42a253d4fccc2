"""The tracepath tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import pathlib
from random import Random
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tools.route import tracepath
from plugins.tools.route.tracepath import TOOL, parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins import networks, traces
from tests.plugins.garbage import lines
from tests.plugins.jobs import FakeHost
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import needs

READ = [path for path in traces.captured(TOOL) if path.with_suffix(".json").exists()]
IPV4 = traces.text(TOOL, "ipv4")
works = needs("tracepath", "-n", "127.0.0.1")


@pytest.mark.parametrize("output", READ, ids=lambda path: path.stem)
def test_reads_what_the_program_printed(output: pathlib.Path) -> None:
    hops = parse(output.read_text())

    assert hops == json.loads(output.with_suffix(".json").read_text())
    assert traces.complaint([hops]) is None


def test_there_is_captured_output() -> None:
    assert len(READ) == 8


def test_the_mtu_of_a_hop_is_the_last_one_said() -> None:
    assert [hop["mtu"] for hop in parse(IPV4)] == list(networks.MTUS)


@pytest.mark.parametrize("output", [traces.text(TOOL, "send_failed"), "", " 1?: [LOCALHOST]   pmtu 1500\n"])
def test_output_without_hops_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed):
        parse(output)


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    traces.require_read_or_refused(parse, lines(chance, traces.printed(READ)))


@pytest.mark.parametrize(
    "output",
    [
        " 1:  fe80::1%eth0   ٣ms pmtu 0",
        " 1?: [LOCALHOST] pmtu 1500\n 255:  1.2.3.999  1ms reached",
    ],
)
def test_output_that_is_almost_right_is_read_or_refused(output: str) -> None:
    traces.require_read_or_refused(parse, output)


@pytest.mark.parametrize(
    ("spec", "known", "expected"),
    [
        ({}, (), "-n -4 192.0.2.1"),
        ({"length": 100}, (), "-n -4 -l 100 192.0.2.1"),
        ({"dest-port": 9, "hops": 5.0}, ("-m", "-p"), "-n -4 -m 5 -p 9 192.0.2.1"),
        ({"dest-port": 9, "hops": 5}, (), "-n -4 192.0.2.1/9"),  # as old versions want it
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], known: tuple[str, ...], expected: str) -> None:
    assert " ".join(tracepath.argv(spec, "192.0.2.1", 4, known)) == f"tracepath {expected}"


@pytest.mark.parametrize(
    ("usage", "known"),
    [
        ("  -l <length>    use packet <length>\n  -p <port>  use destination <port>", {"-l", "-p"}),
        ("Usage: tracepath [-n] [-b] [-l <len>] [-p port] <destination>", {"-n", "-b", "-l", "-p"}),
        ("Usage: tracepath [-n] [-b] [-l <len>] <destination>[/<port>]", {"-n", "-b", "-l"}),
    ],
)
def test_the_usage_tells_which_options_there_are(usage: str, known: set[str]) -> None:
    assert tracepath.options_of(usage) == known


def test_the_program_is_asked_for_its_options_only_where_that_matters() -> None:
    usage = Completed(255, "", "  -p <port>\n")

    asked, plain = FakeHost(usage), FakeHost(usage)

    assert set(tracepath.known_options({"dest-port": 9}, asked)) == {"-p"}
    assert set(tracepath.known_options({"length": 100}, plain)) == set()
    assert (asked.executed, plain.executed) == ([["tracepath"]], [])


@pytest.mark.parametrize(
    ("spec", "planned"), [({}, 101), ({"hostnames": False}, 99), ({"hostnames": False, "as": False}, 95)]
)
def test_plans_for_thirty_silent_hops(spec: dict[str, Any], planned: float) -> None:
    assert tracepath.duration("trace", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"algorithm": "a"}, "algorithms"),
        ({"probe-type": "icmp"}, "icmp"),
        ({"length": 27}, "28"),
        ({"fragment": True}, "fragmented"),
        ({"first-ttl": 1}, "first hop"),
        ({"hops": 256}, "255"),
        ({"queries": 2}, "one query to each hop"),
        ({"ip-tos": 1}, "ip-tos"),
        ({"wait": "PT1S"}, "wait"),
        ({"sendwait": "PT1S"}, "sendwait"),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    (found,) = TOOL.declines("trace", {"dest": "::1", **spec})

    assert reason in found


def test_takes_everything_else_of_the_first_version() -> None:
    spec = {"dest": "::1", "probe-type": "udp", "fragment": False, "length": 28, "hops": 255, "queries": 1}

    assert TOOL.declines("trace", spec) == []
    assert TOOL.max_schema == 1


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, IPV4, ""))

    result = traces.measure(TOOL, {"dest": "203.0.113.2"}, host)

    assert host.slept_until == [at(2)]
    assert host.executed == [["tracepath", "-n", "-4", "203.0.113.2"]]
    assert [hop["ip"] for hop in result["paths"][0]] == [*networks.ROUTERS, networks.FAR]


@works
def test_traces_this_machine() -> None:
    machine = Machine()
    spec = {"dest": "127.0.0.1", "dest-port": 44444, "hops": 3}

    result = traces.measure(TOOL, spec, machine, start=machine.now())

    assert [[hop["ip"] for hop in path] for path in result["paths"]] == [["127.0.0.1"]]


@works
@networks.by_each_version
def test_finds_the_routers_on_the_way_and_their_mtus(
    narrow_network: networks.Network, dest: str, routers: tuple[str, str]
) -> None:
    machine = narrow_network.machine()

    result = traces.measure(TOOL, {"dest": dest}, machine, start=machine.now())

    (hops,) = result["paths"]
    assert [hop["ip"] for hop in hops] == [*routers, dest]
    assert [hop["mtu"] for hop in hops] == list(networks.MTUS)
