import socket
import types
from collections.abc import Iterator
from typing import Any

import pika
import pika.exceptions
import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from plugins.archivers import rabbitmq
from plugins.sdk.jobs import Parcel
from plugins.support import guarded_connections

URL = "amqp://guest:secret@127.0.0.1:5672/"
RETRY = {"retry-policy": [{"attempts": 2, "wait": "PT1M"}]}
MINUTE = parse_duration("PT1M")


class Broker:
    """Stands in for a connection to RabbitMQ: keeps what is published, or refuses it."""

    def __init__(self) -> None:
        self.where: Any = None
        self.published: list[tuple[Any, ...]] = []
        self.confirms = False
        self.is_open = True
        self.refusal: Exception | None = None
        self._impl = types.SimpleNamespace(_transport=types.SimpleNamespace(_sock=socket.socket()))

    def connect(self, where: Any) -> "Broker":
        self.where = where
        return self

    def channel(self) -> "Broker":
        return self

    def confirm_delivery(self) -> None:
        self.confirms = True

    def basic_publish(self, exchange: str, key: str, body: bytes, properties: Any, mandatory: bool) -> None:
        if self.refusal:
            raise self.refusal
        self.published.append((exchange, key, body, properties.content_type, mandatory))

    def close(self) -> None:
        self.is_open = False

    def let_go(self) -> None:
        self._impl._transport._sock.close()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    one = Broker()
    monkeypatch.setattr(pika, "BlockingConnection", one.connect)
    monkeypatch.setattr(guarded_connections, "address_of", lambda host, port: f"address of {host}")
    yield one
    one.let_go()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"_url": URL}, True),
        ({"_url": "amqps://broker.example/vhost", "exchange": "results", "routing-key": "a.b"}, True),
        ({"schema": 2, "_url": URL, "connection-expires": "PT1H"}, True),
        ({"schema": 2, "_url": URL, "routing-key": {"script": ".id"}}, True),
        ({"schema": 3, "_url": URL, "timeout": "PT5S"}, True),  # which the reference can never take
        ({}, False),
        ({"_url": "http://broker.example/"}, False),
        ({"_url": URL, "timeout": "PT5S"}, False),
        ({"schema": 2, "_url": URL, "timeout": "PT5S"}, False),
        ({"_url": URL, "routing-key": {"script": ".id"}}, False),
        ({"schema": 4, "_url": URL}, False),
    ],
)
def test_settings_are_those_of_their_version(data: dict[str, Any], valid: bool) -> None:
    assert (rabbitmq.ARCHIVER.data_versions.problem(data) is None) == valid


def test_publishes_the_result_and_waits_for_the_broker(broker: Broker) -> None:
    outcome = rabbitmq.deliver(Parcel({"_url": URL, "exchange": "e", "routing-key": "k"}, {"id": 1}))

    assert outcome.succeeded
    assert broker.published == [("e", "k", b'{"id": 1}', "application/json", True)]
    assert broker.confirms
    assert not broker.is_open


@pytest.mark.parametrize(
    ("url", "host", "port", "vhost"),
    [
        ("amqp://broker.example", "broker.example", 5672, "/"),
        ("amqps://broker.example/", "broker.example", 5671, "/"),
        ("amqp://broker.example:1234/a%2Fb", "broker.example", 1234, "a/b"),
    ],
)
def test_the_url_says_where(broker: Broker, url: str, host: str, port: int, vhost: str) -> None:
    rabbitmq.deliver(Parcel({"_url": url}, {}))

    assert (broker.where.host, broker.where.port, broker.where.virtual_host) == (
        f"address of {host}",
        port,
        vhost,
    )
    assert broker.where.socket_timeout == 10


def test_a_routing_key_may_be_made_of_the_result(broker: Broker) -> None:
    data = {"schema": 2, "_url": URL, "routing-key": {"script": '"results." + .test.type'}}

    rabbitmq.deliver(Parcel(data, {"test": {"type": "rtt"}}, jq=SANDBOX))

    assert broker.published[0][1] == "results.rtt"


@pytest.mark.parametrize("script", [".nothing", "1 / 0", ".["])
def test_a_routing_key_that_cannot_be_made_fails_for_good(broker: Broker, script: str) -> None:
    data = {"schema": 2, "_url": URL, "routing-key": {"script": script}, **RETRY}

    outcome = rabbitmq.deliver(Parcel(data, {}, jq=SANDBOX))

    assert not outcome.succeeded
    assert (outcome.error or "").startswith("routing-key: ")
    assert outcome.retry is None
    assert broker.published == []


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (pika.exceptions.UnroutableError([]), "the broker has no queue for it"),
        (pika.exceptions.NackError([]), "the broker did not accept it"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_what_the_broker_refuses_is_tried_again_as_the_policy_says(
    broker: Broker, refusal: Exception, said: str
) -> None:
    broker.refusal = refusal

    first = rabbitmq.deliver(Parcel({"_url": URL, **RETRY}, {}, attempts=1))
    last = rabbitmq.deliver(Parcel({"_url": URL, **RETRY}, {}, attempts=2))

    assert (first.succeeded, first.retry, last.retry) == (False, MINUTE, None)
    assert first.error == said
    assert not broker.is_open


def test_nobody_there_is_a_failure_that_keeps_the_password(closed_port: int) -> None:
    outcome = rabbitmq.deliver(Parcel({"_url": f"amqp://guest:secret@127.0.0.1:{closed_port}/", **RETRY}, {}))

    assert (outcome.succeeded, outcome.retry) == (False, MINUTE)
    assert "secret" not in (outcome.error or "")


def test_a_broker_that_never_speaks_is_not_waited_for(silent: int) -> None:
    data = {"schema": 3, "_url": f"amqp://guest:secret@127.0.0.1:{silent}/", "timeout": "PT0.3S"}

    outcome = rabbitmq.deliver(Parcel(data, {}))

    assert not outcome.succeeded
    assert "secret" not in (outcome.error or "")
