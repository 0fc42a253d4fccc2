"""The dublin-traceroute tool: its arguments, what it makes of the program's file, and the program itself."""

import json
import pathlib
from random import Random
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tools.route import dublin_traceroute
from plugins.tools.route.dublin_traceroute import TOOL, parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins import networks, traces
from tests.plugins.garbage import changed, text
from tests.plugins.jobs import FakeHost
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import needs

CAPTURED = traces.captured(TOOL)
TWO_FLOWS = traces.text(TOOL, "two_flows")


@pytest.mark.parametrize("output", CAPTURED, ids=lambda path: path.stem)
def test_reads_what_the_program_wrote(output: pathlib.Path) -> None:
    paths = parse(output.read_text())

    assert paths == json.loads(output.with_suffix(".json").read_text())
    assert traces.complaint(paths) is None


def test_there_is_captured_output() -> None:
    assert len(CAPTURED) == 5


def probe(kind: int, code: int, source: str = "198.51.100.2", last: bool = False) -> dict[str, Any]:
    received = {"ip": {"src": source}, "icmp": {"type": kind, "code": code}}
    return {"sent": {"ip": {"ttl": 1, "dst": "203.0.113.2"}}, "received": received, "is_last": last}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (probe(11, 0), None),
        (probe(0, 11), None),  # as version 0.4.2 writes it
        (probe(11, 1), None),
        (probe(3, 1), "host-unreachable"),
        (probe(1, 3), "host-unreachable"),
        (probe(3, 13), "communication-administratively-prohibited"),
        (probe(11, 3), "network-unreachable-for-type-of-service"),
        (probe(3, 3), "port-unreachable"),
        (probe(3, 3, source="203.0.113.2"), None),  # that is arrival
        (probe(3, 99), None),
    ],
)
def test_names_errors(answer: dict[str, Any], error: str | None) -> None:
    ((hop,),) = parse(json.dumps({"flows": {"33434": [answer]}}))

    assert hop.get("error") == error


def test_a_path_ends_where_the_host_is_reached() -> None:
    last, after = probe(3, 3, "203.0.113.2", last=True), probe(11, 0)
    after["sent"]["ip"]["ttl"] = 2

    assert parse(json.dumps({"flows": {"1": [last, after]}})) == [[{"ip": "203.0.113.2"}]]


def test_paths_come_in_the_order_of_their_flows() -> None:
    flows = {"9": [probe(11, 0, "192.0.2.9")], "10": [probe(11, 0, "192.0.2.10")]}

    assert parse(json.dumps({"flows": flows})) == [[{"ip": "192.0.2.9"}], [{"ip": "192.0.2.10"}]]


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    output = json.dumps(changed(chance, json.loads(TWO_FLOWS))) if chance.randrange(4) else text(chance, 40)
    try:
        paths = parse(output)
    except PluginFailed:
        return
    assert traces.complaint(paths) is None


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "--max-ttl 30 192.0.2.1"),
        ({"first-ttl": 2, "hops": 9.0}, "--min-ttl 2 --max-ttl 9 192.0.2.1"),
        ({"dest-port": 44444, "sendwait": "PT0.02S"}, "--max-ttl 30 --dport 44444 --delay 20 192.0.2.1"),
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    command = dublin_traceroute.argv(spec, "192.0.2.1")

    assert " ".join(command[len(dublin_traceroute.COMMAND) :]) == f"dublin-traceroute {expected}"


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({"dest": "192.0.2.1"}, 6 + 4 + 2),
        ({"dest": "host.example.org", "as": False}, 2 + 6 + 2),  # its address is to be found
        ({"dest": "192.0.2.1", "hops": 10, "sendwait": "PT0.5S"}, 2 + 5 + 4 + 2),
    ],
)
def test_plans_a_fifth_of_a_second_a_hop(spec: dict[str, Any], planned: float) -> None:
    assert dublin_traceroute.duration("trace", spec) == seconds(planned)


def test_the_program_may_take_a_second_a_hop() -> None:
    assert dublin_traceroute.longest({"hops": 10, "sendwait": "PT0.5S"}) == seconds(10 + 5 + 5)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"algorithm": "mda"}, "mda"),
        ({"dest": "2001:db8::1"}, "IPv6"),
        ({"ip-version": 6}, "IPv6"),
        ({"first-ttl": 256, "hops": 256}, "255"),
        ({"hops": 5, "first-ttl": 6}, "after the first hop"),
        ({"fragment": True}, "fragmented"),
        ({"probe-type": "icmp"}, "icmp"),
        *(({name: value}, name) for name, value in {"flow-label": 1, "ip-tos": 1, "length": 100}.items()),
        *(({name: value}, name) for name, value in {"queries": 1, "source": "a", "wait": "PT1S"}.items()),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    found = TOOL.declines("trace", {"dest": "192.0.2.1", **spec})

    assert any(reason in sentence for sentence in found)


@pytest.mark.parametrize("dest", ["192.0.2.1", "www.example.org"])
def test_takes_addresses_as_well_as_names(dest: str) -> None:
    spec = {"dest": dest, "algorithm": "dublin-traceroute", "ip-version": 4, "fragment": False, "hops": 255}

    assert TOOL.declines("trace", spec) == []


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, TWO_FLOWS, "Starting dublin-traceroute\n"))

    result = traces.measure(TOOL, {"dest": "203.0.113.2"}, host)

    assert host.slept_until == [at(2)]
    assert host.executed == [dublin_traceroute.argv({}, "203.0.113.2")]
    assert [path[-1]["ip"] for path in result["paths"]] == ["203.0.113.2"] * 2


def test_a_program_that_could_not_trace_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="status 1") as failed:
        traces.measure(TOOL, {"dest": "192.0.2.1"}, FakeHost(Completed(1, "", "Failed: Invalid address\n")))

    assert failed.value.diags.startswith("dublin-traceroute --max-ttl 30 192.0.2.1")


@needs("dublin-traceroute", "--version")
@needs("ip", "netns", "list")
def test_a_path_has_a_hop_for_every_router_it_heard(narrow_network: networks.Network) -> None:
    machine = narrow_network.machine()
    spec = {"dest": networks.FAR, "hops": 5}

    result = traces.measure(TOOL, spec, machine, start=machine.now())

    heard = {hop["ip"] for path in result["paths"] for hop in path if hop}
    assert len(result["paths"]) == 20
    assert heard <= {*networks.ROUTERS, networks.FAR}
    assert networks.FAR in heard
