"""The archivers s3, sqs and eventbridge, towards a server of this machine that answers as AWS does."""

import json
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

from chalicelib.domain.times import parse_duration
from local.engine import hook
from plugins.archivers import eventbridge, s3, sqs
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import aws_client
from tests.plugins.results import DOCUMENT, parcel
from tests.plugins.web import Answer, serving

KEYS = {"region": "eu-west-1", "_access-key": "AKIAEXAMPLE", "_secret-key": "secret"}
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
KEY = f"/results/perf/2026/11/26/rtt/{DOCUMENT['id']}.json"


def test_an_object_is_put_under_its_day_test_and_run() -> None:
    with serving({KEY: (200, {}, b"")}) as server:
        outcome = s3.deliver(parcel({**KEYS, "endpoint": server.url, "bucket": "results", "prefix": "perf/"}))

    method, path, headers, body = server.asked[0]
    assert (outcome, method, path) == (Outcome(True), "PUT", KEY)
    assert json.loads(body) == DOCUMENT
    assert "AKIAEXAMPLE/" in headers["Authorization"], "signed as whoever posted the task"


@pytest.mark.parametrize(
    "result", [None, "a text", {"id": 1, "schedule": 2}, {"schedule": {"start": "soon"}}]
)
def test_what_is_no_document_has_a_key_all_the_same(result: Any) -> None:
    key = s3.key_of(Parcel({}, result, delivery="run-0"))

    assert key.startswith("unknown/unknown/")
    assert key.endswith(".json")


def test_a_message_goes_to_the_queue() -> None:
    answer = (200, {"Content-Type": "application/x-amz-json-1.0"}, b'{"MessageId": "1"}')
    with serving({"/": answer, "/1/results.fifo": answer}) as server:
        outcome = sqs.deliver(parcel({**KEYS, "queue-url": f"{server.url}/1/results.fifo"}))

    _, _, headers, body = server.asked[0]
    asked = json.loads(body)
    assert outcome == Outcome(True)
    assert headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
    assert json.loads(asked["MessageBody"]) == DOCUMENT
    assert (asked["MessageGroupId"], asked["MessageDeduplicationId"]) == ("pscheduler", "run-0")


def test_an_event_goes_to_the_bus() -> None:
    answer = (200, {}, b'{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}')
    with serving({"/": answer}) as server:
        outcome = eventbridge.deliver(parcel({**KEYS, "endpoint": server.url, "bus": "perf"}))

    (entry,) = json.loads(server.asked[0][3])["Entries"]
    assert outcome == Outcome(True)
    assert (entry["Source"], entry["EventBusName"], entry["Resources"]) == ("pscheduler", "perf", ["run-0"])
    assert json.loads(entry["Detail"]) == DOCUMENT


def test_an_event_that_the_bus_would_not_have_is_a_failure() -> None:
    answer = (200, {}, b'{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}')
    with serving({"/": answer}) as server:
        outcome = eventbridge.deliver(parcel({**KEYS, **RETRY, "endpoint": server.url}))

    assert outcome == Outcome(False, "InternalFailure", parse_duration("PT1M"))


@pytest.mark.parametrize(
    ("status", "code", "retry"),
    [(403, "AccessDenied", None), (503, "SlowDown", "PT1M"), (400, "ThrottledX", "PT1M")],
)
def test_a_refusal_that_does_not_pass_is_for_good(status: int, code: str, retry: str | None) -> None:
    body = f"<Error><Code>{code}</Code><Message>No</Message></Error>".encode()
    answer: Answer = (status, {"Content-Type": "application/xml"}, body)
    with serving({KEY: answer}) as server:
        data = {**KEYS, **RETRY, "endpoint": server.url, "bucket": "results", "prefix": "perf/"}
        outcome = s3.deliver(parcel(data))

    assert outcome == Outcome(False, f"{code}: No", parse_duration(retry) if retry else None)


@pytest.mark.parametrize(("archiver", "service"), [(sqs, "a message"), (eventbridge, "an event")])
def test_a_result_that_is_too_large_is_said_so_and_not_sent(archiver: Any, service: str) -> None:
    with serving({}) as server:
        data = {**KEYS, "endpoint": server.url, "queue-url": f"{server.url}/1/q"}
        outcome: Outcome = archiver.deliver(parcel(data, result="x" * archiver.LARGEST))

    assert not outcome.succeeded
    assert f"bytes that {service} can have" in (outcome.error or "")
    assert server.asked == []


@pytest.mark.parametrize("archiver", [s3.ARCHIVER, sqs.ARCHIVER, eventbridge.ARCHIVER])
def test_none_goes_without_keys_of_its_own(archiver: Archiver) -> None:
    assert archiver.problem({"region": "eu-west-1", "bucket": "results", "queue-url": "https://q/"})


def test_the_engine_of_a_one_machine_node_leaves_these_clients_alone() -> None:
    assert aws_client.OUTSIDE == hook.OUTSIDE


def test_descriptions_of_services_are_read_once_for_all_deliveries(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    load = JSONFileLoader.load_file
    monkeypatch.setattr(JSONFileLoader, "load_file", lambda *given: read.append(given[1]) or load(*given))

    with serving({KEY: (200, {}, b"")}) as server:
        data = {**KEYS, "endpoint": server.url, "bucket": "results"}
        s3.deliver(parcel(data))
        read.clear()
        s3.deliver(parcel(data))

    assert [path for path in read if "endpoints" in path or "service-2" in path] == []
    assert len(server.asked) == 2
