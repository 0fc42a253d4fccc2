"""OTLP: what the archiver sends, read by the messages that OpenTelemetry publishes.

A collector is in no package, so a web server stands in for it; it takes what the protocol's own types take.
"""

from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service

from chalicelib.domain.times import parse_duration, parse_timestamp
from plugins.archivers import otlp
from plugins.sdk.jobs import Outcome, Parcel
from tests.plugins.results import LABELS, METRICS
from tests.plugins.web import serving
from tests.receivers.documents import RESULT

RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
START = parse_timestamp(RESULT["schedule"]["start"])
END = START + parse_duration(RESULT["schedule"]["duration"])


def sent(answer: str, **more: Any) -> tuple[Outcome, Any]:
    """The outcome, and the request as the collector understands it; fields unknown to it are an error."""
    headers = {"Content-Type": "application/json"}
    with serving({"/v1/metrics": (200, headers, answer.encode())}) as server:
        data = {"_url": f"{server.url}/v1/metrics", **RETRY, **more}
        outcome = otlp.deliver(Parcel(data, RESULT, metrics=METRICS, delivery="run-0"))
    ((method, _, asked, body),) = server.asked
    assert (method, asked["Content-Type"]) == ("POST", "application/json")
    return outcome, json_format.Parse(body, service.ExportMetricsServiceRequest())


def texts(attributes: Any) -> dict[str, str]:
    assert {each.value.WhichOneof("value") for each in attributes} <= {"string_value"}
    return {each.key: each.value.string_value for each in attributes}


def nanoseconds(when: Any) -> int:
    return int(when.timestamp()) * 1_000_000_000


def test_a_collector_reads_every_field() -> None:
    taken = json_format.MessageToJson(service.ExportMetricsServiceResponse())

    outcome, request = sent(taken, resource={"deployment.environment": "lab"})

    assert outcome == Outcome(True)
    (resource,) = request.resource_metrics
    assert texts(resource.resource.attributes) == {
        "service.name": "pscheduler",
        "deployment.environment": "lab",
    }
    (scope,) = resource.scope_metrics
    assert (scope.scope.name, scope.scope.version) == ("pscheduler", "1")
    found = {metric.name: metric for metric in scope.metrics}
    assert {name: (one.unit, one.gauge.data_points[0].as_double) for name, one in found.items()} == {
        "perfsonar.run.succeeded": ("1", 1.0),
        "perfsonar.rtt.mean": ("ms", 1.5),
        "perfsonar.packet.loss.ratio": ("1", 0.5),
    }
    for one in found.values():
        (point,) = one.gauge.data_points
        assert point.start_time_unix_nano == nanoseconds(START)
        assert point.time_unix_nano == nanoseconds(END)
        assert texts(point.attributes) == {f"perfsonar.{name}": value for name, value in LABELS.items()}


@pytest.mark.parametrize(
    ("rejected", "outcome"), [(2, Outcome(False, "2 refused: too old")), (0, Outcome(True))]
)
def test_what_a_collector_takes_in_part_is_told(rejected: int, outcome: Outcome) -> None:
    answer = service.ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = rejected
    answer.partial_success.error_message = "too old"

    assert sent(json_format.MessageToJson(answer))[0] == outcome
