"""RabbitMQ: what a consumer gets of what the archiver publishes, and what the broker refuses."""

import glob
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pika
import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from plugins.archivers import rabbitmq
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.nodes import free_port
from tests.receivers.documents import RESULT
from tests.receivers.processes import folder, listens, needed, running

CONFIGURATION = "listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users.guest = true\n"
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}


class Broker(NamedTuple):
    port: int
    channel: Any

    def url(self, who: str = "guest:guest", vhost: str = "/") -> str:
        return f"amqp://{who}@127.0.0.1:{self.port}{vhost}"

    def taken(self, queue: str) -> list[tuple[Any, Any, bytes]]:
        """(delivery, properties, body) of all that waits in a queue."""
        found = []
        while (one := self.channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(one)
        return found


def server() -> str:
    """The server itself: what Debian has in the path becomes another user first."""
    needed("rabbitmq-server")
    found = sorted(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"))
    if not found:
        pytest.skip("RabbitMQ's server is not where Debian has it")
    return found[-1]


def environment(where: pathlib.Path, port: int, names: int) -> dict[str, str]:
    """All that a broker of our own needs, away from the system's: files, ports, and the cookie in HOME."""
    (where / "plugins").write_text("[].\n")
    (where / "rabbitmq.conf").write_text(CONFIGURATION.format(port=port))
    return {
        "HOME": str(where),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(names),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(where / "rabbitmq.conf"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(where / "plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(where / "generated"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_LOG_BASE": str(where),
        "RABBITMQ_MNESIA_BASE": str(where),
        "RABBITMQ_NODENAME": "receiver@localhost",
        "RABBITMQ_PID_FILE": str(where / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    program, epmd = server(), needed("epmd")
    port, names = free_port(), free_port()
    with folder() as where:
        more = environment(where, port, names)
        registry = [epmd, "-port", str(names), "-address", "127.0.0.1"]
        with (
            running(registry, where, lambda: listens(names)),
            running([program], where, lambda: listens(port), more),
        ):
            # Without heartbeats, which nobody answers while tests of other things run.
            address = f"amqp://guest:guest@127.0.0.1:{port}/?heartbeat=0"
            connection = pika.BlockingConnection(pika.URLParameters(address))
            channel = connection.channel()
            yield Broker(port, channel)
            connection.close()


def test_a_result_arrives_in_its_queue_with_its_properties(broker: Broker) -> None:
    broker.channel.queue_declare("results")
    data = {"_url": broker.url(), "routing-key": "results"}

    outcome = rabbitmq.deliver(Parcel(data, RESULT, delivery="run-0"))

    assert outcome == Outcome(True)
    ((delivery, properties, body),) = broker.taken("results")
    assert json.loads(body) == RESULT
    assert (delivery.exchange, delivery.routing_key) == ("", "results")
    assert (properties.content_type, properties.delivery_mode) == ("application/json", 2)
    assert properties.message_id == "run-0"


def test_an_exchange_goes_by_a_key_that_is_made_of_the_result(broker: Broker) -> None:
    broker.channel.exchange_declare("measurements", "topic")
    broker.channel.queue_declare("pings")
    broker.channel.queue_bind("pings", "measurements", "*.rtt")
    key = {"script": '"perfsonar." + .test.type'}
    data = {"schema": 2, "_url": broker.url(), "exchange": "measurements", "routing-key": key}

    outcome = rabbitmq.deliver(Parcel(data, RESULT, jq=SANDBOX))

    assert outcome == Outcome(True)
    ((delivery, _, body),) = broker.taken("pings")
    assert (delivery.exchange, delivery.routing_key) == ("measurements", "perfsonar.rtt")
    assert json.loads(body) == RESULT


def test_what_the_broker_refuses_is_told_and_tried_again(broker: Broker) -> None:
    asked: list[tuple[dict[str, Any], str]] = [
        ({"_url": broker.url(), "routing-key": "nowhere"}, "the broker has no queue for it"),
        ({"_url": broker.url("guest:hidden")}, "the broker refused the user and the password"),
        ({"_url": broker.url(vhost="/nowhere")}, "the broker refused the virtual host"),
        ({"_url": broker.url(), "exchange": "nowhere"}, "NOT_FOUND - no exchange 'nowhere' in vhost '/'"),
    ]

    outcomes = [rabbitmq.deliver(Parcel({**data, **RETRY}, RESULT)) for data, _ in asked]

    assert outcomes == [Outcome(False, said, parse_duration("PT1M")) for _, said in asked]
