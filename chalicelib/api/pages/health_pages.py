"""Pages for those who watch the node: whether it lives, whether it works, and its numbers."""

from collections.abc import Iterator

from chalicelib.api.http.router import Answer, Request
from chalicelib.api.openapi.operations import operation
from chalicelib.domain import telemetry
from chalicelib.domain.names import NodeName
from chalicelib.domain.telemetry import Sample
from chalicelib.service.node import health
from chalicelib.service.series import series_reader

MOST_SERIES = 500
"""Series whose last values are shown."""
_OPEN_METRICS = "application/openmetrics-text"


@operation("Monitoring")
def healthz(request: Request) -> Answer:
    """Check that the process answers.

    It checks nothing else, and is meant for whatever restarts processes.
    """
    return Answer("OK", headers={"Cache-Control": "no-store"})


@operation(
    "Monitoring",
    answers={
        503: "Runs are due or messages wait, and nothing moves, or the disk is full; each line gives a reason"
    },
)
def readyz(request: Request) -> Answer:
    """Check that the node works: its store answers, its clocks tick, and what is due gets done.

    If runs are due and nothing moves, it says so within two minutes. Once a request was refused because the
    disk is full, it says so until there is room again.
    """
    troubles = health.troubles(request.node, request.now)
    status = 503 if troubles else 200
    return Answer("\n".join(troubles or ["OK"]), status=status, headers={"Cache-Control": "no-store"})


@operation("Monitoring", kinds=["text/plain", _OPEN_METRICS])
def metrics(request: Request) -> Answer:
    """Get the node's metrics, as OpenMetrics for clients that accept it and in Prometheus's older format
    otherwise.

    Counters are those of a node on one machine since it started; on AWS, where there are many processes,
    those of the process that answers, and CloudWatch has the totals.
    The last value of each series has the time at which it was measured.
    """
    samples = [*health.samples(request.node, request.now), *_series(request.node)]
    if _OPEN_METRICS in request.headers.get("accept", ""):
        return Answer(telemetry.open_metrics(samples), telemetry.CONTENT_TYPE)
    return Answer(telemetry.open_metrics(samples, is_plain=True), "text/plain")


def _series(node: NodeName) -> Iterator[Sample]:
    for series, point in series_reader.last_points(node, MOST_SERIES):
        told = {
            "series": series.uuid,
            "test": series.test,
            "source": series.source,
            "destination": series.destination,
        }
        for name, value in point.values.items():
            if not isinstance(value, str):
                yield Sample(telemetry.SERIES, value, {**told, "metric": name}, point.at)
