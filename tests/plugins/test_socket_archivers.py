"""The archivers tcp, udp and syslog, on real sockets of this machine."""

import json
import pathlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugins import registry
from plugins.archivers import syslog, tcp, udp
from plugins.sdk.jobs import Outcome, Parcel

RESULT = {"succeeded": True, "text": "café"}
POLICY = [{"attempts": 2, "wait": "PT1M"}, {"attempts": 1, "wait": "PT1H"}]
Deliver = Callable[[Parcel], Outcome]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


def parcel(port: int, result: Any = RESULT, attempts: int = 0, **data: Any) -> Parcel:
    return Parcel({"host": "127.0.0.1", "port": port, **data}, result, attempts)


def test_tcp_writes_the_result_and_nothing_more_to_a_connection_of_its_own(listener: socket.socket) -> None:
    received: list[bytes] = []

    def accept() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as stream:
                received.append(stream.read())

    thread = threading.Thread(target=accept)
    thread.start()
    port = listener.getsockname()[1]

    outcomes = [tcp.deliver(parcel(port)), tcp.deliver(parcel(port, "text", bind="127.0.0.1"))]
    thread.join(5)

    assert outcomes == [Outcome(True), Outcome(True)]
    assert [json.loads(content) for content in received] == [RESULT, "text"]
    assert not received[0].endswith(b"\n")


def test_udp_sends_the_result_as_one_datagram(receiver: socket.socket) -> None:
    assert udp.deliver(parcel(receiver.getsockname()[1], **{"ip-version": 4})) == Outcome(True)

    assert json.loads(receiver.recv(65536)) == RESULT


@pytest.mark.parametrize(("extra", "fits"), [(0, True), (1, False)])
def test_a_result_beyond_the_payload_size_is_not_sent(
    receiver: socket.socket, extra: int, fits: bool
) -> None:
    text = "x" * (udp.PAYLOAD - 2 + extra)  # two quotes around it

    outcome = udp.deliver(parcel(receiver.getsockname()[1], text))

    assert outcome.succeeded is fits
    assert fits or "509 bytes; a datagram holds at most 508" in (outcome.error or "")


def test_the_payload_size_can_be_told(receiver: socket.socket) -> None:
    assert udp.deliver(parcel(receiver.getsockname()[1], "x" * 2000, **{"payload-size": 4000})).succeeded


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 60), (1, 60), (2, 3600), (3, None)])
def test_what_cannot_be_reached_is_tried_again_as_the_policy_says(
    listener: socket.socket, attempts: int, seconds: int | None
) -> None:
    port = listener.getsockname()[1]
    listener.close()

    outcome = tcp.deliver(parcel(port, attempts=attempts, **{"retry-policy": POLICY}))

    assert not outcome.succeeded
    assert "refused" in (outcome.error or "")
    assert (outcome.retry and outcome.retry.total_seconds()) == seconds


@pytest.mark.parametrize("deliver", [tcp.deliver, udp.deliver])
@pytest.mark.parametrize(
    "data", [{"host": "no.such.invalid"}, {"bind": "no.such.invalid"}, {"ip-version": 6}, {"bind": "::1"}]
)
def test_an_address_that_is_none_is_final(deliver: Deliver, data: dict[str, Any]) -> None:
    outcome = deliver(parcel(9, **{"retry-policy": POLICY, **data}))

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert outcome.error


# --- syslog -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "result", "written"),
    [
        ({}, "as it is", "<14>pScheduler: as it is"),  # user.info
        ({"ident": "x", "facility": "local7", "priority": "debug"}, {"a": 1}, '<191>x: {"a": 1}'),
        ({"facility": "kern", "priority": "emerg"}, None, "<0>pScheduler: null"),
    ],
)
def test_a_line_says_who_and_how_urgently(data: dict[str, Any], result: Any, written: str) -> None:
    assert syslog.line(data, result) == written.encode()


def test_the_log_gets_the_result(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(5)

        assert syslog.deliver(Parcel({}, RESULT), path) == Outcome(True)

        assert log.recv(65536).startswith(b"<14>pScheduler: {")


def test_without_a_log_that_is_final(tmp_path: pathlib.Path) -> None:
    outcome = syslog.deliver(Parcel({}, RESULT), tmp_path / "log")

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert "does not accept it" in (outcome.error or "")


# --- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "valid"),
    [
        ("tcp", {"host": "::1", "port": 0}, True),
        ("tcp", {"host": "a.example", "port": 65535, "retry-policy": POLICY, "ip-version": 6}, True),
        ("tcp", {"host": "a.example"}, False),
        ("tcp", {"port": 1}, False),
        ("tcp", {"host": "a.example", "port": 65536}, False),
        ("tcp", {"host": "a.example", "port": 1, "schema": 1}, False),  # it has no versions
        ("tcp", {"host": "a.example", "port": 1, "payload-size": 9}, False),
        ("udp", {"host": "a.example", "port": 1, "payload-size": 9}, True),
        ("udp", {"host": "a.example", "port": 1, "payload-size": 0}, False),
        ("syslog", {"schema": 1, "ident": "x", "facility": "local0", "priority": "warning"}, True),
        ("syslog", {"facility": "wibble"}, False),
        ("syslog", {"priority": "loud"}, False),
    ],
)
def test_settings_are_checked(name: str, data: dict[str, Any], valid: bool) -> None:
    problem = registry.archivers()[name].data_versions.problem(data)

    assert (problem is None) is valid, problem
