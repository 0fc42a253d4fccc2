"""Kafka: what kcat reads of what the archiver sends, from the brokers that its library librdkafka brings.

Kafka itself is in no package. Those brokers are two, so that leaders have to be found; the reader checks what
it gets against the checksums.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from plugins.archivers import kafka
from plugins.sdk.jobs import Outcome, Parcel
from tests.receivers.documents import RESULT
from tests.receivers.processes import folder, lines, needed, running

SERVERS = re.compile(r"bootstrap\.servers=([0-9.:]+),([0-9.:]+)")


class Cluster(NamedTuple):
    servers: list[str]
    messages: Any


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    program = needed("kcat")
    options = ("test.mock.num.brokers=2", "check.crcs=true", "topic.metadata.refresh.interval.ms=200")
    told = [word for option in options for word in ("-X", option)]
    with folder() as where:
        brokers = where / "brokers"

        def servers() -> list[str]:
            found = SERVERS.search(brokers.read_text()) if brokers.exists() else None
            return list(found.groups()) if found else []

        reading = ("-C", "-b", "127.0.0.1:1", "-t", "results", "-o", "beginning", "-u", "-J", "-d", "mock")
        apart = ["/bin/sh", "-c", 'exec "$0" "$@" 2>brokers', program]  # what brokers say, from messages
        with running([*apart, *reading, *told], where, lambda: bool(servers())) as said:
            yield Cluster(
                servers(), lambda least: [json.loads(line) for line in lines(said, least, '{"topic"')]
            )


def test_results_arrive_in_their_partitions_field_by_field(cluster: Cluster) -> None:
    parcels = [
        Parcel({"topic": "results", "server": cluster.servers[number % 2]}, RESULT, delivery=f"run-{number}")
        for number in range(8)
    ]

    outcomes = [kafka.deliver(parcel) for parcel in parcels]

    assert outcomes == [Outcome(True)] * 8
    found = cluster.messages(8)
    assert [json.loads(each["payload"]) for each in found] == [RESULT] * 8
    assert {tuple(each["headers"]) for each in found} == {("delivery", one.delivery) for one in parcels}
    assert {each["key"] for each in found} == {None}
    assert len({each["partition"] for each in found}) > 1
