"""The paris-traceroute tool: its arguments, and what it makes of output in the form the program prints."""

import json
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tools.route import paris_traceroute
from plugins.tools.route.paris_traceroute import TOOL, parse
from tests.builders import at, seconds
from tests.plugins import traces
from tests.plugins.jobs import FakeHost

OUTPUTS = traces.captured(TOOL)


@pytest.mark.parametrize("output", OUTPUTS, ids=lambda path: path.stem)
def test_reads_what_the_program_prints(output: pathlib.Path) -> None:
    hops = parse(output.read_text())

    assert hops == json.loads(output.with_suffix(".json").read_text())
    assert traces.complaint([hops]) is None


def test_there_is_output() -> None:
    assert len(OUTPUTS) == 4


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-q 1 -4 -n 192.0.2.1"),
        ({"algorithm": "paris-traceroute"}, "-q 1 -4 -n --algorithm paris-traceroute 192.0.2.1"),
        ({"probe-type": "tcp", "dest-port": 443}, "-q 1 -4 --tcp -n --dst-port 443 192.0.2.1"),
        ({"first-ttl": 2, "hops": 9.0}, "-q 1 -4 -n --first 2 --max-hops 9 192.0.2.1"),
        ({"wait": "PT2.5S", "sendwait": "PT1.5S"}, "-q 1 -4 -n --wait 2.5 -z 1.5 192.0.2.1"),
        ({"sendwait": "PT0.5S"}, "-q 1 -4 -n -z 500 192.0.2.1"),  # below 1 nothing is taken: milliseconds
        ({"sendwait": "PT11S"}, "-q 1 -4 -n -z 11000 192.0.2.1"),
        ({"sendwait": "PT0.002S"}, "-q 1 -4 -n -z 11 192.0.2.1"),  # 2 would be seconds
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    assert " ".join(paris_traceroute.argv(spec, "192.0.2.1", 4)) == f"paris-traceroute {expected}"


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({"dest": "192.0.2.1"}, 3 * 5 + 8),
        ({"dest": "host.example.org"}, 2 + 3 * 5 + 8),  # its address is to be found
        ({"dest": "::1", "hostnames": False, "as": False}, 3 * 5 + 2),
        ({"dest": "::1", "wait": "PT2S", "sendwait": "PT0.5S"}, 0.5 * 30 + 2 + 3 * 2 + 8),
        ({"dest": "::1", "sendwait": "PT1S", "hops": 5}, 5 + 3 * 5 + 8),
    ],
)
def test_plans_for_three_silent_hops(spec: dict[str, Any], planned: float) -> None:
    assert paris_traceroute.duration("trace", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"algorithm": "mda"}, "mda"),
        ({"length": 100}, "length"),
        ({"ip-tos": 1}, "ip-tos"),
        ({"fragment": True}, "fragmented"),
        ({"first-ttl": 31}, "hop 30"),
        ({"hops": 256}, "hop 255"),
        ({"queries": 2}, "one query to each hop"),
        ({"probe-type": "icmp"}, "icmp"),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    (found,) = TOOL.declines("trace", {"dest": "::1", **spec})

    assert reason in found


@pytest.mark.parametrize(
    "extra", [{}, {"algorithm": "paris-traceroute"}, {"fragment": False, "wait": "PT1S"}]
)
def test_takes_everything_else(extra: dict[str, Any]) -> None:
    assert TOOL.declines("trace", {"dest": "::1", **extra}) == []


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, traces.text(TOOL, "ipv6"), ""))

    result = traces.measure(TOOL, {"dest": "2001:db8:3::2"}, host)

    assert host.slept_until == [at(2)]
    assert host.executed == [paris_traceroute.argv({}, "2001:db8:3::2", 6)]
    assert [len(path) for path in result["paths"]] == [3]


def test_a_program_that_could_not_trace_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="Invalid traceroute options"):
        traces.measure(TOOL, {"dest": "::1"}, FakeHost(Completed(1, "", "Invalid traceroute options\n")))
