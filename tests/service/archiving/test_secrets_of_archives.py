"""What is private in an archive's settings is in nothing that is told or logged of its failures."""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.service.archiving import attempt as archiving
from plugins.sdk.base import Outcome
from tests.builders import NODE, NOON
from tests.plugins.everything import ARCHIVERS
from tests.plugins.results import DOCUMENT

CANARY = "kanarienvogel77"
SSL = {"schema": 2, "topic": "t", "security-protocol": "SSL"}
FAILS_ALONE = ("bitbucket", "syslog", "failer")
"""Archivers without private settings."""


def settings(port: int) -> dict[str, list[dict[str, Any]]]:
    """Settings of every archiver that has private ones, with the canary in all of them."""
    base = {"table": "t", "column": "c"}
    return {
        "http": [
            {
                "schema": 2,
                "_url": f"http://u:{CANARY}@127.0.0.1:{port}/?k={CANARY}",
                "_headers": {"A": CANARY},
            },
            {"schema": 2, "_url": f"gopher://{CANARY}/", "_headers": {"A": CANARY + "\n€"}},
            {"schema": 2, "_url": f"http://127.0.0.1:{port}/", "_headers": {"A": f"{CANARY}€"}},
            {"schema": 2, "_url": f"http://{CANARY}.invalid/{CANARY}"},
            {"schema": 2, "_url": f"http://[{CANARY}/"},
        ],
        "kafka": [
            {"topic": "t", "server": f"127.0.0.1:{port}", "_a": CANARY},
            {**SSL, "server": f"127.0.0.1:{port}", "_ssl-cert": CANARY, "_ssl-key": CANARY},
            {**SSL, "server": f"127.0.0.1:{port}", "_ssl-cacert": CANARY, "_ssl-password": CANARY},
        ],
        "postgresql": [
            {"_dsn": f"host=127.0.0.1 port={port} user={CANARY} password={CANARY} dbname={CANARY}", **base},
            {"_dsn": f"postgresql://{CANARY}:{CANARY}@127.0.0.1:{port}/{CANARY}", **base},
            {"_dsn": f"{CANARY}={CANARY}", **base},
            {"_dsn": f"sslmode={CANARY}", **base},
            {"_dsn": f"host={CANARY}.invalid", **base},
        ],
        "rabbitmq": [
            {"_url": f"amqp://{CANARY}:{CANARY}@127.0.0.1:{port}/{CANARY}"},
            {"_url": f"amqp://{CANARY}.invalid/"},
            {"_url": f"amqp://host:{CANARY}/"},
            {"_url": f"amqp://127.0.0.1:{port}/?{CANARY}={CANARY}&heartbeat={CANARY}"},
        ],
        "snmptrap": [
            {"dest": "127.0.0.1", "_community": CANARY, "trap-oid": CANARY},
            {
                "dest": "127.0.0.1",
                "security-name": "u",
                "auth-protocol": "MD5",
                "_auth-key": CANARY,
                "priv-protocol": "AES",
                "_priv-key": f"{CANARY}x",
                "trap-oid": "nowhere",
            },
        ],
        **{name: posting(port) for name in ("otlp", "opensearch", "prometheus")},
        **{name: [in_the_cloud(port)] for name in ("eventbridge", "s3", "sqs")},
        "tcp": [{"host": "127.0.0.1", "port": port}],
        "udp": [{"host": "127.0.0.1", "port": port, "payload-size": 1}],
    }


def posting(port: int) -> list[dict[str, Any]]:
    return [
        {
            "_url": f"http://u:{CANARY}@127.0.0.1:{port}/?k={CANARY}",
            "_headers": {"Authorization": CANARY},
            "index": "results",
        },
        {"_url": f"http://{CANARY}.invalid/{CANARY}", "index": "results"},
        {"_url": f"gopher://{CANARY}/", "index": "results"},
    ]


def in_the_cloud(port: int) -> dict[str, Any]:
    return {
        "region": "eu-west-1",
        "endpoint": f"http://127.0.0.1:{port}",
        "_access-key": CANARY,
        "_secret-key": CANARY,
        "_session-token": CANARY,
        "bucket": "results",
        "queue-url": f"http://127.0.0.1:{port}/1/results",
    }


def echo(end: socket.socket) -> bytes:
    asked = end.recv(65536)
    return b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % len(asked) + asked


def silence(end: socket.socket) -> bytes:
    end.recv(65536)  # or the system would tell the other side that it was not read
    return b""


@contextlib.contextmanager
def sink(answer: Any) -> Iterator[int]:
    """A server that answers each connection so, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    end, _ = server.accept()
                    with end, contextlib.suppress(OSError):
                        end.settimeout(2)
                        end.sendall(answer(end))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def delivery(name: str, data: dict[str, Any]) -> Delivery:
    return Delivery(NODE, "run", 0, "task", {"archiver": name, "data": data, "runs": "all"}, NOON, attempts=1)


def test_every_archiver_with_private_settings_is_tried() -> None:
    private = {name for name, found in ARCHIVERS.items() if '"_' in json.dumps(list(found.data.values()))}

    assert private <= set(settings(1))
    assert set(settings(1)) | set(FAILS_ALONE) == set(ARCHIVERS)


@pytest.mark.parametrize("answer", [echo, silence])
@pytest.mark.parametrize("name", list(settings(1)))
def test_a_failing_sink_gives_nothing_away(name: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with sink(answer) as port:
        for data in settings(port)[name]:
            outcome = archiving._send(delivery(name, data), DOCUMENT)

            assert CANARY not in json.dumps(outcome.reply()), (data, outcome)
            assert outcome.succeeded == (name == "tcp"), outcome
            assert outcome.succeeded or outcome.error
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", list(settings(1)))
def test_nobody_there_gives_nothing_away(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    for data in settings(port)[name]:
        outcome = archiving._send(delivery(name, data), DOCUMENT)

        assert CANARY not in json.dumps(outcome.reply()), (data, outcome)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", list(settings(1)))
def test_settings_that_are_not_valid_are_complained_of_without_them(name: str) -> None:
    for data in settings(9)[name]:
        for wrong in ({**data, "schema": 99}, {**data, "nonsense": 1}, {**data, "_url": {"a": CANARY}}, data):
            assert CANARY not in (ARCHIVERS[name].problem(wrong) or "").replace(
                f"for 'trap-oid' {CANARY}", ""
            )


def test_an_archiver_that_breaks_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(parcel: Any) -> Outcome:
        raise ZeroDivisionError(f"{parcel.data}")

    one = delivery("http", settings(9)["http"][0])
    monkeypatch.setitem(ARCHIVERS["http"].__dict__, "deliver", broken)

    outcome = archiving._send(one, {})

    assert "ZeroDivisionError" in (outcome.error or "")
    assert CANARY not in (outcome.error or "")
    assert "ZeroDivisionError" in caplog.text
    assert CANARY not in caplog.text
