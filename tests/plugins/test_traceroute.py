"""The traceroute tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import pathlib
from random import Random
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tools.route import traceroute
from plugins.tools.route.traceroute import TOOL, parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins import networks, traces
from tests.plugins.garbage import lines
from tests.plugins.jobs import FakeHost
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import LOOPBACKS, needs

CAPTURED = traces.captured(TOOL)
IPV4 = traces.text(TOOL, "ipv4")
works = needs("traceroute", "-n", "-q", "1", "127.0.0.1")


@pytest.mark.parametrize("output", CAPTURED, ids=lambda path: path.stem)
def test_reads_what_the_program_printed(output: pathlib.Path) -> None:
    hops = parse(output.read_text())

    assert hops == json.loads(output.with_suffix(".json").read_text())
    assert traces.complaint([hops]) is None


def test_there_is_captured_output() -> None:
    assert len(CAPTURED) == 13


@pytest.mark.parametrize(
    ("mark", "error"),
    [
        ("!H", "host-unreachable"),
        ("!N", "net-unreachable"),
        ("!P", "protocol-unreachable"),
        ("!S", "source-route-failed"),
        ("!F-1400", "fragmentation-needed-and-df-set"),
        ("!X", "communication-administratively-prohibited"),
        ("!A", "communication-administratively-prohibited"),
        ("!V", "host-precedence-violation"),
        ("!C", "precedence-cutoff-in-effect"),
        ("!<8>", "source-host-isolated"),
        ("!<12>", "icmp-destination-host-unreachable-tos"),
        ("!10", "destination-host-administratively-prohibited"),
        ("!Z", None),  # no name in the dictionary of types
        ("!<99>", None),
    ],
)
def test_names_errors(mark: str, error: str | None) -> None:
    (hop,) = parse(f"traceroute to a (192.0.2.9), 30 hops max, 60 byte packets\n 1  192.0.2.9  0.5 ms {mark}")

    assert hop.pop("error", None) == error
    assert hop == {"ip": "192.0.2.9", "rtt": "PT0.0005S"}


def test_a_later_line_takes_the_place_of_an_earlier_one() -> None:
    header = "traceroute to a (192.0.2.9), 30 hops max, 60 byte packets"

    hops = parse(f"{header}\n 1  *\n 3  192.0.2.1  1 ms\n 3  192.0.2.2  2 ms")

    assert hops == [{}, {}, {"ip": "192.0.2.2", "rtt": "PT0.002S"}]


@pytest.mark.parametrize(
    "output", ["", "traceroute to", IPV4.splitlines()[0], "\n".join(IPV4.splitlines()[1:])]
)
def test_output_without_hops_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed):
        parse(output)


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    traces.require_read_or_refused(parse, lines(chance, traces.printed(CAPTURED)))


@pytest.mark.parametrize(
    "output",
    [
        "traceroute to a (1.2.3.4), 30 hops max\n 1  fe80::1%eth0  1 ms",
        "traceroute to a (1.2.3.4), 30 hops max\n 999  1.2.3.999  ٣ ms",
    ],
)
def test_output_that_is_almost_right_is_read_or_refused(output: str) -> None:
    traces.require_read_or_refused(parse, output)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-q 1 -4 -n -N 30 192.0.2.1"),
        ({"hops": 9, "first-ttl": 2}, "-q 1 -4 -n -f 2 -m 9 -N 9 192.0.2.1"),
        ({"probe-type": "icmp", "dest-port": 9}, "-q 1 -4 -I -n -N 30 192.0.2.1"),  # icmp has no ports
        ({"probe-type": "tcp", "dest-port": 443}, "-q 1 -4 -T -n -N 30 -p 443 192.0.2.1"),
        ({"fragment": False, "length": 100.0}, "-q 1 -4 -F -n -N 30 192.0.2.1 100"),
        ({"fragment": True, "ip-tos": 32}, "-q 1 -4 -n -N 30 -t 32 192.0.2.1"),
        ({"wait": "PT1.5S", "sendwait": "PT0.01S"}, "-q 1 -4 -n -N 30 -w 1.5 -z 0.01 192.0.2.1"),
        ({"sendwait": "PT10S"}, "-q 1 -4 -n -N 30 -z 10 192.0.2.1"),
        ({"sendwait": "PT10.5S"}, "-q 1 -4 -n -N 30 -z 10500 192.0.2.1"),  # beyond 10 it means ms
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    assert " ".join(traceroute.argv(spec, "192.0.2.1", 4)) == f"traceroute {expected}"


def test_arguments_of_ipv6() -> None:
    arguments = traceroute.argv({"flow-label": 7}, "::1", 6, source="::2")

    assert " ".join(arguments) == "traceroute -q 1 -6 -n -l 7 -s ::2 -N 30 ::1"


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 8),
        ({"hostnames": False}, 6),
        ({"hostnames": False, "as": False}, 2),
        ({"sendwait": "PT0.5S", "wait": "PT3S"}, 0.5 * 30 + 3 + 8),
        ({"sendwait": "PT0.5S", "hops": 10}, 0.5 * 10 + 8),
    ],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: float) -> None:
    assert traceroute.duration("trace", spec) == seconds(planned)


def test_the_program_may_wait_five_seconds_for_an_answer() -> None:
    assert traceroute.longest({}) == seconds(7)
    assert traceroute.longest({"wait": "PT1S", "sendwait": "PT0.1S"}) == seconds(1 + 3 + 2)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"algorithm": "traceroute"}, "algorithms"),
        ({"first-ttl": 31}, "hop 30"),
        ({"hops": 256}, "hop 255"),
        ({"queries": 3}, "one query to each hop"),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    (found,) = TOOL.declines("trace", {"dest": "::1", **spec})

    assert reason in found


def test_takes_everything_else() -> None:
    spec = {
        "schema": 2,
        "dest": "::1",
        "flow-label": 7,
        "first-ttl": 30,
        "queries": 1,
        "ip-tos": 3,
        "length": 9,
    }

    assert TOOL.declines("trace", spec) == []


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, IPV4, ""))

    result = traces.measure(TOOL, {"dest": "203.0.113.2"}, host)

    assert host.slept_until == [at(2)]
    assert host.executed == [traceroute.argv({}, "203.0.113.2", 4)]
    assert [hop["ip"] for hop in result["paths"][0]] == [*networks.ROUTERS, networks.FAR]


@pytest.mark.parametrize(
    ("name", "shown"), [("router.example.org", "router.example.org"), ("ge-0_0_1.example.org", None)]
)
def test_hops_have_names_where_those_are_names_of_hosts(
    monkeypatch: pytest.MonkeyPatch, name: str, shown: str | None
) -> None:
    monkeypatch.setattr("socket.getnameinfo", lambda *asked: (name, "0"))

    result = traces.measure(
        TOOL, {"dest": "203.0.113.2", "hostnames": True}, FakeHost(Completed(0, IPV4, ""))
    )

    assert [hop.get("hostname") for hop in result["paths"][0]] == [shown] * 3


@pytest.mark.parametrize(
    "completed",
    [Completed(1, "", "connect: Network is unreachable\n"), Completed(0, "", ""), Completed(-15, IPV4, "")],
)
def test_a_program_that_could_not_trace_is_a_failure(completed: Completed) -> None:
    with pytest.raises(PluginFailed) as failed:
        traces.measure(TOOL, {"dest": "203.0.113.2"}, FakeHost(completed))

    assert failed.value.message


def test_merges_a_failure_to_nothing() -> None:
    assert TOOL.merge({}, [None]) is None


@works
@pytest.mark.parametrize("dest", LOOPBACKS)
def test_traces_this_machine(dest: str) -> None:
    machine = Machine()

    result = traces.measure(TOOL, {"dest": dest, "source": dest}, machine, start=machine.now())

    ((hop,),) = result["paths"]
    assert hop["ip"] == dest
    assert seconds(0) < parse_duration(hop["rtt"]) < seconds(5)


@works
@networks.by_each_version
@pytest.mark.parametrize("probe", ["udp", "icmp", "tcp"])
def test_finds_the_routers_on_the_way(
    narrow_network: networks.Network, probe: str, dest: str, routers: tuple[str, str]
) -> None:
    machine = narrow_network.machine()

    result = traces.measure(TOOL, {"dest": dest, "probe-type": probe}, machine, start=machine.now())

    assert [hop["ip"] for hop in result["paths"][0]] == [*routers, dest]
