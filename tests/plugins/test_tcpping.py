"""The tcpping tool, against sockets on loopback."""

import datetime as dt
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from plugins.sdk.jobs import PluginFailed
from plugins.tests.rtt import TEST
from plugins.tools.reach import tcpping
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def measure(host: FakeHost | None = None, **spec: Any) -> dict[str, Any]:
    whole = {"schema": 4, "dest": "127.0.0.1", "hostnames": False, **spec}
    local = tcpping.run(job(tcpping.TOOL, whole, host))
    merged = tcpping.TOOL.merge(whole, [local])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


def test_connections_are_round_trips(port: int) -> None:
    result = measure(port=port, count=3)

    assert (result["sent"], result["received"], result["lost"], result["loss"]) == (3, 3, 0, 0)
    assert [trip["seq"] for trip in result["roundtrips"]] == [1, 2, 3]
    assert {trip["ip"] for trip in result["roundtrips"]} == {"127.0.0.1"}
    times = [parse_duration(result[name]) for name in ("min", "mean", "max")]
    assert times == sorted(times)
    assert seconds(0) < times[0]


def test_makes_one_a_second_from_the_start_on(port: int) -> None:
    host = FakeHost()

    measure(host, port=port, count=3)

    assert host.slept_until == [at(2), at(2), at(3), at(4)]


def test_refusals_are_lost(closed_port: int) -> None:
    result = measure(port=closed_port, count=2)

    assert (result["received"], result["lost"], result["loss"]) == (0, 2, 1)
    assert [trip["error"] for trip in result["roundtrips"]] == ["host-unreachable"] * 2
    assert "min" not in result


def test_measures_from_the_source(port: int) -> None:
    assert measure(port=port, count=1, source="127.0.0.1")["received"] == 1


def test_a_source_of_another_version_is_a_failure(port: int) -> None:
    with pytest.raises(PluginFailed, match="same version"):
        measure(port=port, source="::1")


def test_statistics_are_those_of_the_whole_population() -> None:
    times = [dt.timedelta(milliseconds=count) for count in (2, 4, 4, 4, 5, 5, 7, 9)]

    found = tcpping.summary(10, times)

    assert (found["received"], found["lost"], found["loss"]) == (8, 2, 0.2)
    assert [found[name] for name in ("min", "mean", "max", "stddev")] == [
        "PT0.002S", "PT0.005S", "PT0.009S", "PT0.002S",
    ]  # fmt: skip


@pytest.mark.parametrize(("spec", "planned"), [({}, 13), ({"count": 1, "hostnames": False}, 3)])
def test_plans_two_seconds_a_probe(spec: dict[str, Any], planned: int) -> None:
    assert tcpping.duration("rtt", spec) == seconds(planned)


@pytest.mark.parametrize("extra", [{"length": 100}, {"interval": "PT1S"}, {"protocol": "icmp"}])
def test_declines_what_it_cannot_do(extra: dict[str, Any]) -> None:
    assert tcpping.TOOL.reasons_against("rtt", {"schema": 4, "dest": "127.0.0.1", **extra})


def test_takes_tcp_and_a_port() -> None:
    spec = {"schema": 4, "dest": "127.0.0.1", "protocol": "tcp", "port": 443}

    assert tcpping.TOOL.reasons_against("rtt", spec) == []
