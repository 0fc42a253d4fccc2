"""The tcpscan tool, against sockets on loopback."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.sdk.jobs import PluginFailed
from plugins.support import guarded_connections
from plugins.tests.openports import TEST
from plugins.tools.reach import tcpscan
from plugins.tools.reach.tcpscan import TOOL
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job


@pytest.fixture
def ports(closed_port: int) -> Iterator[tuple[int, int]]:
    """One that is open and one that is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1], closed_port


def measure(host: FakeHost, /, **spec: Any) -> dict[str, Any]:
    assert TEST.problem(spec) is None
    merged = TOOL.merge(spec, [TOOL.run(job(TOOL, spec, host))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


def test_tells_open_ports_from_closed_ones(ports: tuple[int, int]) -> None:
    host = FakeHost()

    result = measure(host, network="127.0.0.1", ports=f"{ports[0]},{ports[1]}")

    assert result["result"] == {"127.0.0.1": {str(ports[0]): "open", str(ports[1]): "closed"}}
    assert host.slept_until[0] == at(2)


def test_looks_at_every_address_of_a_network(ports: tuple[int, int]) -> None:
    found = measure(FakeHost(), network="127.0.0.0/30", ports=str(ports[0]))["result"]

    assert {address: found[address][str(ports[0])] for address in ("127.0.0.1", "127.0.0.2")} == {
        "127.0.0.1": "open",
        "127.0.0.2": "closed",
    }


def test_a_host_that_says_nothing_is_not_there() -> None:
    states = {("192.0.2.1", 22): "filtered", ("192.0.2.2", 22): "filtered", ("192.0.2.2", 80): "closed"}

    assert tcpscan.by_host(states) == {"192.0.2.2": {"22": "filtered", "80": "closed"}}


def test_a_connection_that_cannot_be_made_is_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*ends: Any, **named: Any) -> None:
        raise OSError("No route to host")

    monkeypatch.setattr(guarded_connections, "connect", unreachable)

    assert tcpscan.state(("192.0.2.1", 22)) == "filtered"


def test_a_scanner_that_was_held_up_finds_no_port_filtered(
    ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = guarded_connections.check

    def held_up(*asked: Any) -> None:
        time.sleep(0.2)
        check(*asked)

    monkeypatch.setattr(guarded_connections, "check", held_up)
    monkeypatch.setattr(tcpscan, "CONNECT_TIMEOUT", 0.1)

    assert [tcpscan.state(("127.0.0.1", port)) for port in ports] == ["open", "closed"]


def test_what_is_not_done_in_time_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="Not finished in time: 0"):
        measure(FakeHost(), network="127.0.0.1", ports="1-100", timeout="PT0S")


def test_a_name_without_an_address_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"nowhere\.invalid"):
        measure(FakeHost(), network="nowhere.invalid", ports="1")


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({"network": "192.0.2.1", "ports": "1-64"}, 5),
        ({"network": "192.0.2.1", "ports": "1-65"}, 6),
        ({"network": "192.0.2.0/24", "ports": "22,80"}, 8 + 4),
        ({"network": "www.example.org", "ports": "22", "timeout": "PT20S"}, 20),
    ],
)
def test_plans_a_second_for_every_sixty_four_connections(spec: dict[str, Any], planned: float) -> None:
    assert tcpscan.duration("openports", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({}, "ports"),
        ({"ports": "1", "source": "a"}, "address"),
        ({"ports": "1", "services": True}, "services"),
    ],
)
def test_declines_what_it_cannot_do(extra: dict[str, Any], reason: str) -> None:
    (found,) = TOOL.reasons_against("openports", {"network": "192.0.2.1", **extra})

    assert reason in found


def test_takes_a_list_of_ports() -> None:
    spec = {"network": "2001:db8::/120", "ports": "22,80", "source-node": "a", "services": False}

    assert TOOL.reasons_against("openports", spec) == []
