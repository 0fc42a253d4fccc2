"""The archiver otlp, towards a collector of this machine."""

import json
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from plugins.archivers import otlp
from plugins.sdk.jobs import Outcome
from tests.plugins.results import AT, LABELS, parcel
from tests.plugins.web import Answer, serving

PARTIAL = b'{"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "old"}}'
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}


def sent(answer: Answer, data: dict[str, Any] | None = None, **changes: Any) -> tuple[Outcome, Any, Any]:
    with serving({"/v1/metrics": answer}) as server:
        outcome = otlp.deliver(parcel({"_url": f"{server.url}/v1/metrics", **(data or {})}, **changes))
    _, _, headers, body = server.asked[0]
    return outcome, headers, json.loads(body)


def gauges(body: Any) -> dict[str, tuple[str, float]]:
    (resource,) = body["resourceMetrics"]
    (scope,) = resource["scopeMetrics"]
    return {
        each["name"]: (each["unit"], each["gauge"]["dataPoints"][0]["asDouble"]) for each in scope["metrics"]
    }


def test_numbers_arrive_as_gauges_with_their_units() -> None:
    outcome, headers, body = sent((200, {}, b"{}"))

    assert outcome == Outcome(True)
    assert headers["Content-Type"] == "application/json"
    assert gauges(body) == {
        "perfsonar.run.succeeded": ("1", 1.0),
        "perfsonar.rtt.mean": ("ms", 1.5),
        "perfsonar.packet.loss.ratio": ("1", 0.5),
    }, "texts and what cannot be believed stay behind"


def test_a_point_says_when_and_between_whom() -> None:
    _, _, body = sent((200, {}, b""), {"resource": {"deployment.environment": "lab"}})

    (resource,) = body["resourceMetrics"]
    point = resource["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]
    assert (point["startTimeUnixNano"], point["timeUnixNano"]) == (f"{AT - 5}000000000", f"{AT}000000000")
    assert {each["key"]: each["value"]["stringValue"] for each in point["attributes"]} == {
        f"perfsonar.{name}": value for name, value in LABELS.items()
    }
    assert {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]} == {
        "service.name": "pscheduler",
        "deployment.environment": "lab",
    }


def test_a_failed_run_leaves_that_it_failed() -> None:
    _, _, body = sent((200, {}, b"{}"), result={"succeeded": False})

    assert gauges(body)["perfsonar.run.succeeded"] == ("1", 0.0)


@pytest.mark.parametrize(
    ("answer", "error", "retry"),
    [
        ((200, {}, PARTIAL), "2 refused: old", None),
        ((400, {}, b"bad"), "POST failed with status 400: bad", None),
        ((503, {}, b""), "POST failed with status 503: ", "PT1M"),
        ((429, {"Retry-After": "300"}, b""), "POST failed with status 429: ", "PT5M"),
        ((429, {"Retry-After": "²"}, b""), "POST failed with status 429: ", "PT1M"),
        (
            (429, {"Retry-After": "5"}, b""),
            "POST failed with status 429: ",
            "PT1M",
        ),  # no sooner than the policy
    ],
)
def test_a_refusal_is_tried_again_where_it_may_pass(answer: Answer, error: str, retry: str | None) -> None:
    outcome, _, _ = sent(answer, RETRY)

    assert outcome == Outcome(False, error, parse_duration(retry) if retry else None)


def test_what_a_transform_made_is_no_document_of_a_run() -> None:
    with serving({}) as server:
        outcome = otlp.deliver(parcel({"_url": f"{server.url}/v1/metrics"}, schedule=None))

    assert not outcome.succeeded
    assert (outcome.error or "").startswith("/result: must be the document of a run")
    assert server.asked == []
