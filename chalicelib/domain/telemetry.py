"""What a node says of itself in numbers: the metrics there are, and how they are written down. Pure.

They have the same names at /metrics (OpenMetrics) and in CloudWatch (its embedded metric format). Those that
begin with ``perfsonar_pscheduler_`` are what pScheduler's own command ``metrics`` prints, named as there.
"""

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.domain.schemas import JSON

NAMESPACE = "pScheduler"
"""Where CloudWatch files them."""
COUNTER, GAUGE = "counter", "gauge"
COUNT, SECONDS, NONE = "Count", "Seconds", "None"
"""Units, in CloudWatch's words."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric: what it is called, what it is, what it is told apart by."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = COUNT


@dataclasses.dataclass(frozen=True)
class Sample:
    """A value of a metric, with its labels; ``at`` where it is not of now."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    at: dt.datetime | None = None


RUNS = Metric("pscheduler_run_changes", COUNTER, "Runs that entered a state, and why", ("state", "cause"))
LATENESS = Metric(
    "pscheduler_run_lateness_seconds", GAUGE, "How long after its start the last run was begun", unit=SECONDS
)
CONFLICTS = Metric("pscheduler_conflicts", COUNTER, "Conditional writes that lost a race")
COLD_STARTS = Metric("pscheduler_cold_starts", COUNTER, "Processes that were started")
REQUESTS = Metric("pscheduler_requests", COUNTER, "Requests answered, by their status", ("status",))
PLANNING = Metric(
    "pscheduler_planning_backlog", GAUGE, "Tasks that wait for the planner, up to 1,000 a shard"
)
OLDEST = Metric(
    "pscheduler_oldest_due_run_seconds",
    GAUGE,
    "How overdue the run is that has waited longest to be dispatched",
    unit=SECONDS,
)
DELIVERIES = Metric("pscheduler_delivery_backlog", GAUGE, "Deliveries that are due, up to 1,000 a shard")
DEAD = Metric("pscheduler_dead_letters", GAUGE, "Messages that failed five times, in the dead-letter queue")
SERIES = Metric(
    "pscheduler_series_value",
    GAUGE,
    "The last value of each series, at the time it was measured",
    ("series", "test", "source", "destination", "metric"),
    NONE,
)
PAUSED = Metric("perfsonar_pscheduler_paused", GAUGE, "Whether the node is paused")
ARCHIVING = Metric(
    "perfsonar_pscheduler_archiving", GAUGE, "Deliveries that are due, and that will be", ("state",)
)
HTTP_QUEUE = Metric(
    "perfsonar_pscheduler_http_queue",
    GAUGE,
    "Requests to other nodes: never attempted, and all",
    ("state",),
)
RUN_COUNTS = Metric("perfsonar_pscheduler_runs", GAUGE, "Runs that are in a state", ("state",))

COUNTED = (RUNS, CONFLICTS, COLD_STARTS, REQUESTS)
"""What a process counts as it goes."""
WATCHED = (PLANNING, OLDEST, DELIVERIES, DEAD)
"""What is looked up, every minute where there is CloudWatch."""
IN_CLOUDWATCH = (*COUNTED, LATENESS, *WATCHED)
METRICS = (*IN_CLOUDWATCH, SERIES, PAUSED, ARCHIVING, HTTP_QUEUE, RUN_COUNTS)

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def open_metrics(samples: Iterable[Sample], is_plain: bool = False) -> str:
    """The samples as OpenMetrics text or, ``is_plain``, in the older format of Prometheus."""
    by_metric: dict[Metric, list[Sample]] = {}
    for sample in samples:
        by_metric.setdefault(sample.metric, []).append(sample)
    lines: list[str] = []
    for metric, some in by_metric.items():
        suffix = "_total" if metric.kind == COUNTER else ""
        family = f"{metric.name}{suffix}" if is_plain else metric.name
        lines += [f"# HELP {family} {_escaped(metric.help)}", f"# TYPE {family} {metric.kind}"]
        lines += [_line(f"{metric.name}{suffix}", sample, is_plain) for sample in some]
    return "".join(f"{line}\n" for line in (*lines, *([] if is_plain else ["# EOF"])))


def _line(name: str, sample: Sample, is_plain: bool) -> str:
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
    labels = f"{{{pairs}}}" if pairs else ""
    if sample.at is None:
        return f"{name}{labels} {_number(sample.value)}"
    at = f"{sample.at.timestamp() * 1000:.0f}" if is_plain else f"{sample.at.timestamp():.3f}"
    return f"{name}{labels} {_number(sample.value)} {at}"


def _number(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def embedded(samples: Sequence[Sample], stack: str, now: dt.datetime) -> list[dict[str, JSON]]:
    """The samples as documents in CloudWatch's embedded metric format, one for each set of labels.

    Each is filed under the stack alone and, where it has labels, under those as well.
    """
    by_labels: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in samples:
        by_labels.setdefault(tuple(sorted(sample.labels.items())), []).append(sample)
    return [_document(dict(labels), some, stack, now) for labels, some in by_labels.items()]


def _document(
    labels: Mapping[str, str], samples: Sequence[Sample], stack: str, now: dt.datetime
) -> dict[str, JSON]:
    dimensions = [["stack"], ["stack", *labels]] if labels else [["stack"]]
    metrics = [{"Name": one.metric.name, "Unit": one.metric.unit} for one in samples]
    told = {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}
    return {
        "_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [told]},
        "stack": stack,
        **labels,
        **{one.metric.name: one.value for one in samples},
    }
