"""Where a participant's name must not lead: whoever posts a task chooses it."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import Unreachable
from chalicelib.infrastructure import allowed_egress
from chalicelib.infrastructure.peer_http import Call, Http, Reply
from tests.infrastructure.test_peers import serving


@contextlib.contextmanager
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        port = listener.getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        yield port
        with pytest.raises(TimeoutError):
            listener.accept()


def ask(network: Http, host: str) -> Any:
    (answer,) = network.ask([Call("GET", host, "/", timeout=5)])
    return answer


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "127.0.0.9:{}", "[::ffff:127.0.0.1]:{}", "localhost:{}"])
def test_the_engine_is_no_peer(plain: Http, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with engine(monkeypatch) as port:
        answer = ask(plain, host.format(port))

    assert isinstance(answer, Unreachable)
    assert "engine" in answer.message


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:169.254.169.254]:80", "0.0.0.0:80", "[fe80::1]:80", "[fd00:ec2::254]:80"],
)
def test_metadata_and_link_local_addresses_are_no_peers(plain: Http, host: str) -> None:
    answer = ask(plain, host)

    assert isinstance(answer, Unreachable)
    assert "A peer cannot be at" in answer.message


def test_a_name_that_leads_elsewhere_later_is_looked_up_once(
    plain: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answers = socket.getaddrinfo, ["127.0.0.1", "169.254.169.254"]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: real(answers.pop(0), *more, **named)
    )

    with serving() as port:
        first = ask(plain, f"rebinding.example:{port}")
        plain._pools.clear()
        second = ask(plain, f"rebinding.example:{port}")

    assert isinstance(first, Reply)
    assert isinstance(second, Unreachable)
    assert "169.254.169.254" in second.message


def test_the_nodes_own_api_and_loopback_are_peers_whatever_is_set(
    plain: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSCHEDULER_EGRESS", "none")
    with serving() as port:
        monkeypatch.setenv("PSCHEDULER_LISTENS", f"127.0.0.1:{port}")

        assert isinstance(ask(plain, f"127.0.0.1:{port}"), Reply)


def test_the_rules_know_the_addresses_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowed_egress, "own_addresses", lambda: frozenset({"192.0.2.7"}))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")

    rules = allowed_egress.rules()

    assert [str(each) for each in rules.own] == ["192.0.2.7"]
    assert {(each.address, each.port) for each in rules.engine} == {(None, 4566)}
