"""A delivery of a run's document, for tests of archivers."""

from typing import Any

from chalicelib.domain.metrics import Metric
from plugins.sdk.jobs import Parcel

DOCUMENT: dict[str, Any] = {
    "id": "0b8b2f4e-1c1f-4a52-9d0f-1f1f6d0c2a11",
    "schedule": {"start": "2026-11-26T12:00:00+00:00", "duration": "PT5S"},
    "test": {"type": "rtt", "spec": {"dest": "www.example.org"}},
    "tool": {"name": "ping", "version": "1.0"},
    "participants": ["node.example.org"],
    "result": {"succeeded": True, "loss": 0.5},
    "reference": {"display-task-name": "Backbone"},
}
METRICS = (
    Metric("rtt.mean", 1.5, "ms"),
    Metric("loss.ratio", 0.5, "ratio"),
    Metric("trace.path", "192.0.2.1", "text"),
    Metric("delay.median", 0.1, "ms", reliable=False),
)
AT = 1795694405
"""The end of the run, in seconds since 1970."""
LABELS = {
    "test": "rtt",
    "tool": "ping",
    "source": "node.example.org",
    "destination": "www.example.org",
    "label": "Backbone",
}


def parcel(data: dict[str, Any], **changes: Any) -> Parcel:
    return Parcel(data, {**DOCUMENT, **changes}, metrics=METRICS, delivery="run-0")
