"""otlp: sends the numbers of results to a collector of OpenTelemetry, as OTLP over HTTP in JSON.

An addition to the contract. https://opentelemetry.io/docs/specs/otlp/ says what is sent, and which failures
are tried again.
"""

import json
from collections.abc import Mapping

from chalicelib.domain import metrics
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import EPOCH
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import urls, web_posts
from plugins.support.measurements import Measured, Measurement, measured
from plugins.support.web_answers import outcome_of

UNITS = {
    metrics.MILLISECONDS: "ms",
    metrics.SECONDS: "s",
    metrics.DAYS: "d",
    metrics.RATIO: "1",
    metrics.FLAG: "1",
    metrics.COUNT: "{count}",
    metrics.BITS_A_SECOND: "bit/s",
    metrics.BYTES: "By",
    metrics.DECIBELS: "dB[mW]",
}
"""Ours, in the Unified Code for Units of Measure."""

_SCOPE = {"name": "pscheduler", "version": "1"}


def deliver(parcel: Parcel) -> Outcome:
    """Send the numbers of a result as gauges at the run's end.

    A collector that takes a part only is a failure for good: it would refuse the rest again.
    """
    try:
        content = json.dumps(request(measured(parcel), parcel.data.get("resource", {}))).encode()
    except Invalid as error:
        return Outcome(False, error.message)
    return outcome_of(parcel, urls.post(parcel.data, content, "application/json"), _refusal)


def request(found: Measured, resource: Mapping[str, str]) -> dict[str, JSON]:
    """An ExportMetricsServiceRequest, as OTLP writes it in JSON: 64-bit numbers are strings."""
    times = {
        "startTimeUnixNano": str(int((found.start - EPOCH).total_seconds() * 1_000_000) * 1000),
        "timeUnixNano": str(int((found.end - EPOCH).total_seconds() * 1_000_000) * 1000),
    }
    labels = _attributes({f"perfsonar.{name}": value for name, value in found.labels.items() if value})
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": _attributes({"service.name": "pscheduler", **resource})},
                "scopeMetrics": [
                    {
                        "scope": _SCOPE,
                        "metrics": [
                            _gauge(each, {**times, "attributes": labels}) for each in found.measurements
                        ],
                    }
                ],
            }
        ]
    }


def _gauge(each: Measurement, point: Mapping[str, JSON]) -> dict[str, JSON]:
    points = [{**point, "asDouble": each.value}]
    return {"name": each.name, "unit": UNITS[each.unit], "gauge": {"dataPoints": points}}


def _attributes(named: Mapping[str, str]) -> list[dict[str, JSON]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in named.items()]


def _refusal(reply: web_posts.Reply) -> str | None:
    """What a collector that answered 200 did not take; None where it took everything."""
    try:
        partial = json.loads(reply.body or "{}").get("partialSuccess") or {}
        rejected = int(partial.get("rejectedDataPoints") or 0)
    except (ValueError, AttributeError, TypeError):
        return None  # an answer that is not JSON is no refusal
    return f"{rejected} refused: {partial.get('errorMessage', '')}" if rejected else None


ARCHIVER = Archiver(
    name="otlp",
    label="OTLP",
    description="Send the numbers of results to an OpenTelemetry collector",
    data={
        1: closed(
            {
                **urls.SETTINGS,
                "resource": {
                    "type": "object",
                    "maxProperties": 20,
                    "additionalProperties": {"type": "string", "maxLength": 200},
                },
            },
            required=("_url",),
        )
    },
    deliver=deliver,
    check=urls.check,
)
