"""The dashboards: CloudWatch's, in the stack, and one for Grafana, to be imported, with the same graphs.

python -m local.deployment          writes docs/dashboards/grafana.json besides
"""

import dataclasses
import json
import pathlib
from typing import Any

from chalicelib.domain import telemetry
from chalicelib.domain.telemetry import COUNTER, Metric
from chalicelib.infrastructure.queues import QUEUES
from local.deployment.resource_names import CLOCKS, FUNCTIONS, queue_id

GRAFANA = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/dashboards/grafana.json"
_WIDE, _HIGH = 12, 7
_PERIOD = 60


@dataclasses.dataclass(frozen=True)
class Graph:
    """What is shown together."""

    title: str
    metrics: tuple[Metric, ...]
    unit: str = "short"


GRAPHS = (
    Graph("Runs by what became of them", (telemetry.RUNS,)),
    Graph("How late runs begin", (telemetry.LATENESS, telemetry.OLDEST), "s"),
    Graph("What waits", (telemetry.PLANNING, telemetry.DELIVERIES)),
    Graph("Put aside", (telemetry.DEAD,)),
    Graph("Requests by status", (telemetry.REQUESTS,)),
    Graph("Writes lost to others, and starts of processes", (telemetry.CONFLICTS, telemetry.COLD_STARTS)),
)
ONE_NODE = (
    Graph("Runs by state", (telemetry.RUN_COUNTS,)),
    Graph("Deliveries, and requests to other nodes", (telemetry.ARCHIVING, telemetry.HTTP_QUEUE)),
    Graph("Paused", (telemetry.PAUSED,)),
    Graph("Last values of series", (telemetry.SERIES,)),
)
"""What is looked up when somebody asks /metrics, and so is not in CloudWatch."""


def resources() -> dict[str, Any]:
    body = json.dumps({"widgets": _widgets()}, separators=(",", ":"))
    names = {"DashboardName": {"Ref": "AWS::StackName"}, "DashboardBody": {"Fn::Sub": body}}
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": names}}


def _widgets() -> list[dict[str, Any]]:
    shown = [
        *((graph.title, [_own(metric) for metric in graph.metrics]) for graph in GRAPHS),
        ("Ticks", [["AWS/Lambda", "Invocations", "FunctionName", f"${{{name}}}"] for name in CLOCKS]),
        ("Errors", [["AWS/Lambda", "Errors", "FunctionName", f"${{{name}}}"] for name in FUNCTIONS]),
        ("Age of what waits in queues", [_age(queue_id(queue.name)) for queue in QUEUES]),
        ("The API", [["AWS/ApiGateway", each, "ApiName", "${AWS::StackName}"] for each in _API]),
    ]
    return [
        {
            "type": "metric",
            "x": _WIDE * (place % 2),
            "y": _HIGH * (place // 2),
            "width": _WIDE,
            "height": _HIGH,
            "properties": {
                "title": title,
                "region": "${AWS::Region}",
                "view": "timeSeries",
                "period": _PERIOD,
                "stat": "Maximum" if title in _HIGHEST else "Sum",
                "metrics": metrics,
            },
        }
        for place, (title, metrics) in enumerate(shown)
    ]


_API = ("Count", "4XXError", "5XXError")
_HIGHEST = {"How late runs begin", "What waits", "Put aside", "Age of what waits in queues"}


def _own(metric: Metric) -> list[Any]:
    """A metric of the stack; one with labels by all of them."""
    if not metric.labels:
        return [telemetry.NAMESPACE, metric.name, "stack", "${AWS::StackName}"]
    schema = ",".join((telemetry.NAMESPACE, "stack", *sorted(metric.labels)))
    wanted = f'{{{schema}}} MetricName="{metric.name}" stack="${{AWS::StackName}}"'
    return [{"expression": f"SEARCH('{wanted}', 'Sum', {_PERIOD})", "id": "e1"}]


def _age(queue: str) -> list[str]:
    return ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", f"${{{queue}.QueueName}}"]


def grafana() -> dict[str, Any]:
    """The dashboard for what Prometheus collects from /metrics."""
    return {
        "title": "pScheduler node",
        "uid": "pscheduler-node",
        "schemaVersion": 39,
        "tags": ["perfsonar"],
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), _instance()]},
        "panels": [_panel(place, graph) for place, graph in enumerate((*GRAPHS, *ONE_NODE))],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _instance() -> dict[str, Any]:
    return {
        "name": "instance",
        "type": "query",
        "label": "Node",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "query": f"label_values({telemetry.PAUSED.name}, instance)",
        "refresh": 2,
        "multi": True,
        "includeAll": True,
    }


def _panel(place: int, graph: Graph) -> dict[str, Any]:
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": graph.title,
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "gridPos": {"x": _WIDE * (place % 2), "y": 8 * (place // 2), "w": _WIDE, "h": 8},
        "fieldConfig": {"defaults": {"unit": graph.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": _query(metric), "legendFormat": _legend(metric)}
            for number, metric in enumerate(graph.metrics)
        ],
    }


def _query(metric: Metric) -> str:
    """Of counters how many a minute."""
    if metric.kind == COUNTER:
        by = ", ".join(("instance", *metric.labels))
        return f'sum by ({by}) (increase({metric.name}_total{{instance=~"$instance"}}[1m]))'
    return f'{metric.name}{{instance=~"$instance"}}'


def _legend(metric: Metric) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in ("instance", *metric.labels))
