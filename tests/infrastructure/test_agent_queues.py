"""Queues of agents: made, rung, read through a signed URL, and gone. On MiniStack, over HTTP."""

import datetime as dt
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from agent import carriers
from agent.coordinator_client import Client
from agent.failures import Later
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import agent_queues
from chalicelib.infrastructure.aws import client
from chalicelib.settings import forget_settings
from tests.builders import NOON

AMS, BER = NodeName("ams.example.org"), NodeName("ber.example.org")


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    agent_queues.forget()
    yield
    agent_queues.forget()
    forget_settings()


def received(url: str) -> bytes:
    """What an agent gets, which has no credentials; without the long wait."""
    quick = url.replace("WaitTimeSeconds=20", "WaitTimeSeconds=0")
    with urllib.request.urlopen(quick, timeout=10) as answer:
        content: bytes = answer.read()
    return content


@pytest.mark.usefixtures("ministack_engine")
def test_a_ring_is_read_once_and_through_the_url_alone() -> None:
    assert agent_queues.make(AMS)
    assert agent_queues.make(AMS)
    assert agent_queues.make(BER)
    url, _ = agent_queues.signed(agent_queues.url_of(AMS) or "", dt.datetime.now(UTC))

    before = received(url)
    agent_queues.ring(AMS)
    agent_queues.ring(BER)
    rung, after = received(url), received(url)

    assert [b"<MessageId>" in each for each in (before, rung, after)] == [False, True, False]


@pytest.mark.usefixtures("ministack_engine")
def test_an_agent_hears_a_ring_and_a_queue_that_is_gone() -> None:
    agent_queues.make(AMS)
    now = dt.datetime.now(UTC)
    url, expires = agent_queues.signed(agent_queues.url_of(AMS) or "", now)
    told = {"kind": "queue", "url": url, "expires": expires.isoformat()}
    hears = carriers.carrier(told, Client("https://coordinator.example.org/pscheduler"), heard=0)

    agent_queues.ring(AMS)
    rung = hears.rings(now)
    agent_queues.delete(AMS)

    assert rung
    with pytest.raises(Later):
        hears.rings(now)


@pytest.mark.usefixtures("ministack_engine")
def test_a_queue_that_is_gone_is_rung_without_a_word() -> None:
    agent_queues.make(AMS)
    agent_queues.ring(AMS)

    agent_queues.delete(AMS)
    agent_queues.ring(AMS)
    agent_queues.delete(AMS)

    assert agent_queues.url_of(AMS) is None


@pytest.mark.usefixtures("empty_aws")
def test_a_message_is_hidden_for_longer_than_it_lives() -> None:
    agent_queues.make(AMS)

    where = agent_queues.url_of(AMS)
    found = client("sqs").get_queue_attributes(QueueUrl=where, AttributeNames=["All"])["Attributes"]

    assert int(found["VisibilityTimeout"]) > int(found["MessageRetentionPeriod"]) == 60


@pytest.mark.usefixtures("empty_aws")
def test_what_is_signed_is_receiving_from_one_queue_for_an_hour() -> None:
    agent_queues.make(AMS)
    where = agent_queues.url_of(AMS) or ""

    url, expires = agent_queues.signed(where, NOON)

    bare, _, query = url.partition("?")
    asked = dict(urllib.parse.parse_qsl(query))
    assert bare == where
    assert expires - NOON == dt.timedelta(hours=1)
    assert (asked["Action"], asked["X-Amz-Expires"], asked["X-Amz-SignedHeaders"]) == (
        "ReceiveMessage",
        "3600",
        "host",
    )
    assert len(asked["X-Amz-Signature"]) == 64
    other, _ = agent_queues.signed(where.replace("agent", "other"), NOON)
    assert dict(urllib.parse.parse_qsl(other))["X-Amz-Signature"] != asked["X-Amz-Signature"]


def test_names_fit_a_queue_whatever_a_node_is_called() -> None:
    long = agent_queues.name_of(NodeName("x" * 253))

    assert len(long) <= 80
    assert long != agent_queues.name_of(AMS)
