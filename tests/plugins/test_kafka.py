"""The archiver kafka, at a broker of this machine; tests/receivers has it at librdkafka's."""

import importlib.util
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.times import parse_duration
from plugins.archivers import kafka
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import kafka_wire
from tests.plugins.kafka_broker import METADATA, PRODUCE, Broker, crc32c, serving

RESULT = {"text": "it's café", "n": [1, None]}
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
MINUTE = parse_duration("PT1M")
V2 = {"schema": 2, "topic": "results", "security-protocol": "PLAINTEXT"}
LEADER_NOT_AVAILABLE, TOO_LARGE, NOT_LEADER, NOT_AUTHORIZED = 5, 10, 6, 29
AUTHORITY = trustme.CA()
PEM = AUTHORITY.cert_pem.bytes().decode()
CLIENT = AUTHORITY.issue_cert("probe.example.org")
CERT, KEY = CLIENT.cert_chain_pems[0].bytes().decode(), CLIENT.private_key_pem.bytes().decode()
ENCRYPTED = {
    **V2,
    "server": "k",
    "security-protocol": "SSL",
    "_ssl-cacert": PEM,
    "_ssl-cert": CERT,
    "_ssl-key": KEY,
    "_ssl-password": "",
    "ssl-checkhostname": False,
}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setattr(kafka_wire, "FIRST_WAIT", 0.001)
    with serving() as found:
        yield found


def deliver(broker: Broker, data: dict[str, Any] | None = None, **more: Any) -> Outcome:
    settings = {**V2, "server": f"127.0.0.1:{broker.port}", **RETRY, **(data or {})}
    return kafka.deliver(Parcel(settings, RESULT, **{"delivery": "run-0", **more}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"topic": "results", "server": "kafka.example.org"}, None),
        ({"topic": "a", "server": "[2001:db8::1]:9092", "whatever": [1]}, None),  # the reference takes more
        ({**V2, "server": "192.0.2.1:9092", "archiver-id": "probe", "kafka-retries": 2, **RETRY}, None),
        ({**V2, "server": "k:9093", "security-protocol": "SSL"}, None),
        (ENCRYPTED, None),
        ({}, '"topic" is a required property'),
        ({"topic": "results"}, '"server" is a required property'),
        ({"schema": 2, "topic": "results", "server": "k"}, '"security-protocol" is a required property'),
        ({"topic": "a b", "server": "k"}, "is not a topic"),
        ({"topic": "..", "server": "k"}, "is not a topic"),
        ({"topic": "a", "server": "http://k:9092"}, "/server: must be a broker such as"),
        ({"topic": "a", "server": "k:0"}, "/server: must be a broker such as"),
        ({"topic": "a", "server": "a,b"}, None),  # a host of that name may be
        ({**V2, "server": "k", "security-protocol": "SASL"}, "security-protocol"),
        ({**V2, "server": "k", "kafka-retries": -1}, "kafka-retries"),
        (
            {**V2, "server": "k", "security-protocol": "SSL", "_ssl-cacert": "/etc/ssl/cert.pem"},
            "/_ssl-cacert: must be a certificate as PEM text; files of this node are not read",
        ),
        (
            {**V2, "server": "k", "security-protocol": "SSL", "_ssl-cert": CERT, "_ssl-key": "/etc/key"},
            "/_ssl-cert: must be a certificate that matches _ssl-key",
        ),
        ({"schema": 3, "topic": "a", "server": "k"}, "version 3 is not supported"),
    ],
)
def test_settings_are_checked(data: dict[str, Any], problem: str | None) -> None:
    found = kafka.ARCHIVER.problem(data)

    assert found is None if problem is None else problem in (found or "")


@pytest.mark.parametrize(
    ("server", "place"),
    [("k", ("k", 9092)), ("k:1", ("k", 1)), ("[::1]", ("::1", 9092)), ("[::1]:7", ("::1", 7))],
)
def test_a_broker_has_a_port_of_its_own_or_the_usual_one(server: str, place: tuple[str, int]) -> None:
    assert kafka.place(server) == place


def test_the_checksum_of_the_stand_in_is_that_of_the_rfc() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 appendix B.4


def test_a_result_arrives_with_its_delivery_in_a_header(broker: Broker) -> None:
    outcome = deliver(broker, {"archiver-id": "probe"})

    assert outcome == Outcome(True)
    ((topic, _, value, headers),) = broker.records
    assert (topic, json.loads(value), headers) == ("results", RESULT, {"delivery": b"run-0"})
    assert set(broker.clients) == {"probe"}


def test_settings_of_schema_1_are_enough(broker: Broker) -> None:
    server = f"127.0.0.1:{broker.port}"

    outcome = kafka.deliver(Parcel({"topic": "results", "server": server, "kafka-retries": "x"}, RESULT))

    assert outcome == Outcome(True)
    assert (broker.records[0].headers, set(broker.clients)) == ({}, {kafka.CLIENT})


def test_a_delivery_goes_to_the_same_partition_each_time_and_others_elsewhere(broker: Broker) -> None:
    for number in (1, 1, 2, 3, 4, 5, 6):
        deliver(broker, delivery=f"run-{number}")

    partitions = [record.partition for record in broker.records]
    assert partitions[0] == partitions[1]
    assert set(partitions) == {0, 1, 2}


def test_the_leader_is_gone_to(broker: Broker) -> None:
    with serving() as leader:
        broker.elsewhere = ("127.0.0.1", leader.port)

        outcome = deliver(broker)

        assert outcome == Outcome(True)
        assert (len(broker.records), len(leader.records)) == (0, 1)


def test_a_leader_that_must_not_be_reached_is_not(broker: Broker) -> None:
    broker.elsewhere = ("169.254.169.254", 80)

    outcome = deliver(broker)

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert "169.254.169.254 port 80 may not be reached by tasks" in (outcome.error or "")


@pytest.mark.parametrize(
    ("about", "codes", "asked", "outcome"),
    [
        (METADATA, [LEADER_NOT_AVAILABLE] * 3, 3, Outcome(True)),  # a topic that is only just made
        (PRODUCE, [NOT_LEADER], 1, Outcome(True)),
        (METADATA, [LEADER_NOT_AVAILABLE] * 9, 4, "the broker answered LEADER_NOT_AVAILABLE"),
        (PRODUCE, [TOO_LARGE] * 9, 1, "the broker answered MESSAGE_SIZE_TOO_LARGE"),
        (METADATA, [NOT_AUTHORIZED] * 9, 1, "the broker answered TOPIC_AUTHORIZATION_FAILED"),
        (PRODUCE, [9999] * 9, 1, "the broker answered UNKNOWN"),
    ],
)
def test_what_is_about_to_work_is_tried_again_at_once_and_all_else_as_the_policy_says(
    broker: Broker, about: int, codes: list[int], asked: int, outcome: Any
) -> None:
    broker.errors[about] = [*codes]

    found = deliver(broker)

    expected = Outcome(False, outcome, MINUTE) if isinstance(outcome, str) else outcome
    assert found == expected
    assert len(codes) - len(broker.errors[about]) == asked
    assert len(broker.records) == (1 if found.succeeded else 0)


@pytest.mark.parametrize(
    ("spoken", "said"),
    [
        ({PRODUCE: (0, 2)}, "the broker speaks other versions of the protocol: 0 to 2, not 3"),
        ({METADATA: (9, 12)}, "the broker speaks other versions of the protocol: 9 to 12, not 1"),
        ({}, None),
    ],
)
def test_a_broker_that_speaks_other_versions_is_told_of(
    broker: Broker, spoken: dict[int, tuple[int, int]], said: str | None
) -> None:
    broker.spoken.update(spoken)

    assert deliver(broker).error == said


def test_a_topic_without_partitions_waits_for_some(broker: Broker) -> None:
    broker.partitions = 0

    assert deliver(broker) == Outcome(False, "the topic has no partitions", MINUTE)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda body: len(body).to_bytes(4, "big") + body))
def test_answers_that_are_none_are_a_failure_and_nothing_worse(broker: Broker, raw: bytes) -> None:
    broker.raw = raw + bytes(4) + b"\xff" * 4  # what is too short is followed by a frame of impossible size

    outcome = deliver(broker)

    assert not outcome.succeeded
    assert outcome.error


def test_nobody_there_is_tried_again_as_the_policy_says(closed_port: int) -> None:
    outcome = kafka.deliver(Parcel({**V2, "server": f"127.0.0.1:{closed_port}", **RETRY}, RESULT))

    assert outcome == Outcome(False, "Connection refused", MINUTE)


def test_a_broker_that_never_speaks_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()

        outcome = kafka.deliver(Parcel({**V2, "server": f"127.0.0.1:{server.getsockname()[1]}"}, RESULT))

    assert outcome == Outcome(False, "no answer in time")
    assert time.monotonic() - begun < 10


def test_without_the_package_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    assert kafka.deliver(Parcel({**V2, "server": "k"}, {})) == Outcome(False, kafka.MISSING)


@pytest.fixture
def encrypted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """A broker with a certificate that asks for one."""
    monkeypatch.setattr(kafka_wire, "FIRST_WAIT", 0.001)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as found:
        yield found


def test_a_cluster_may_be_spoken_to_encrypted_and_with_a_certificate(encrypted: Broker) -> None:
    outcome = deliver(
        encrypted, {"security-protocol": "SSL", "_ssl-cacert": PEM, "_ssl-cert": CERT, "_ssl-key": KEY}
    )

    assert outcome == Outcome(True)
    assert json.loads(encrypted.records[0].value) == RESULT


@pytest.mark.parametrize("data", [{}, {"_ssl-cacert": PEM}])
def test_who_is_not_known_is_not_spoken_to(encrypted: Broker, data: dict[str, Any]) -> None:
    outcome = deliver(encrypted, {"security-protocol": "SSL", **data})

    assert (outcome.succeeded, outcome.retry) == (False, MINUTE)
    assert encrypted.records == []
