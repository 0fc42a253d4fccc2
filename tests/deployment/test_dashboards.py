"""Dashboards and alarms show what there is: a metric that nobody writes would be an empty graph for ever."""

import json
import re
from typing import Any

from chalicelib.domain import telemetry
from chalicelib.domain.telemetry import COUNTER, IN_CLOUDWATCH, METRICS
from local import deployment
from local.deployment import dashboards
from tests.builders import NOON

RESOURCES: dict[str, Any] = deployment.resources()["Resources"]
AWS = {
    "AWS/Lambda": {"Invocations", "Errors", "Throttles"},
    "AWS/SQS": {"ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"},
    "AWS/ApiGateway": {"Count", "4XXError", "5XXError"},
}


def test_the_committed_dashboard_is_made_from_the_metrics() -> None:
    assert dashboards.GRAFANA.read_text() == deployment.rendered(dashboards.grafana())


def test_grafana_asks_for_metrics_that_are_served() -> None:
    served = {f"{one.name}_total" if one.kind == COUNTER else one.name for one in METRICS}
    asked = {
        name
        for panel in dashboards.grafana()["panels"]
        for target in panel["targets"]
        for name in re.findall(r"(?:perfsonar_)?pscheduler_\w+", target["expr"])
    }

    assert asked == served  # and leaves none out


def test_cloudwatch_shows_metrics_that_are_written() -> None:
    body = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    names = {metric.name for metric in IN_CLOUDWATCH}
    shown: set[str] = set()
    for widget in body["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if isinstance(metric[0], dict):
                shown.update(re.findall(r'MetricName="(\w+)"', metric[0]["expression"]))
            elif metric[0] == telemetry.NAMESPACE:
                shown.add(metric[1])
            else:
                assert metric[1] in AWS[metric[0]]

    assert shown == names


def test_searches_name_the_dimensions_that_are_written() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    sample = telemetry.Sample(telemetry.RUNS, 1, {"state": "finished", "cause": ""})
    (written,) = telemetry.embedded([sample], "x", NOON)

    dimensions = ",".join(written["_aws"]["CloudWatchMetrics"][0]["Dimensions"][1])
    assert f"{{pScheduler,{dimensions}}}" in body


def test_alarms_watch_metrics_that_are_written() -> None:
    own = {metric.name for metric in IN_CLOUDWATCH}
    alarms = [one["Properties"] for one in RESOURCES.values() if one.get("Type") == "AWS::CloudWatch::Alarm"]

    for alarm in alarms:
        assert alarm["MetricName"] in AWS.get(alarm["Namespace"], own)


def test_every_resource_that_the_dashboard_names_is_there() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

    for name in re.findall(r"\$\{([A-Za-z]+)(?:\.[A-Za-z]+)?\}", body):
        assert name in RESOURCES
