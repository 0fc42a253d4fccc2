"""Prometheus: what its query language finds of what the archiver wrote to it."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration, parse_timestamp
from plugins.archivers import prometheus
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.nodes import free_port
from tests.plugins.results import LABELS, METRICS
from tests.receivers.documents import of_now
from tests.receivers.processes import folder, listens, needed, running


@pytest.fixture
def server() -> Iterator[str]:
    program, port = needed("prometheus"), free_port()
    with folder() as where:
        (where / "prometheus.yml").write_text("scrape_configs: []\n")
        options = {
            "config.file": where / "prometheus.yml",
            "storage.tsdb.path": where / "data",
            "web.listen-address": f"127.0.0.1:{port}",
        }
        told = [f"--{name}={value}" for name, value in options.items()]
        with running([program, "--web.enable-remote-write-receiver", *told], where, lambda: is_ready(port)):
            yield f"http://127.0.0.1:{port}"


def is_ready(port: int) -> bool:
    if not listens(port):
        return False
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def found(server: str, query: str, when: float) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"query": query, "time": when})
    with urllib.request.urlopen(f"{server}/api/v1/query?{asked}", timeout=30) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result


def test_numbers_are_found_under_their_names_and_labels_at_the_end_of_the_run(server: str) -> None:
    document = of_now()
    end = parse_timestamp(document["schedule"]["start"]) + parse_duration("PT5S")
    data = {"_url": f"{server}/api/v1/write", "labels": {"site": "ams"}}

    outcome = prometheus.deliver(Parcel(data, document, metrics=METRICS, delivery="run-0"))

    assert outcome == Outcome(True)
    series = found(server, '{site="ams"}[1m]', end.timestamp())
    labels = {"site": "ams", **LABELS}
    assert {each["metric"]["__name__"]: each["values"] for each in series} == {
        "perfsonar_run_succeeded": [[end.timestamp(), "1"]],
        "perfsonar_rtt_mean_milliseconds": [[end.timestamp(), "1.5"]],
        "perfsonar_packet_loss_ratio": [[end.timestamp(), "0.5"]],
    }
    for each in series:
        assert {name: value for name, value in each["metric"].items() if name != "__name__"} == labels


def test_what_is_written_twice_is_there_once(server: str) -> None:
    parcel = Parcel({"_url": f"{server}/api/v1/write"}, of_now(), metrics=METRICS, delivery="run-0")

    outcomes = [prometheus.deliver(parcel), prometheus.deliver(parcel)]

    assert outcomes == [Outcome(True), Outcome(True)]
    (counted,) = found(server, "count_over_time(perfsonar_run_succeeded[1h])", end_of_time())
    assert counted["value"][1] == "1"


def end_of_time() -> float:
    return parse_timestamp(of_now()["schedule"]["start"]).timestamp() + 60


def test_a_sample_that_is_too_old_fails_for_good_and_says_why(server: str) -> None:
    now = of_now()
    old = {**now, "schedule": {"start": "2001-01-01T00:00:00Z", "duration": "PT5S"}}
    policy = {"retry-policy": [{"attempts": 9, "wait": "PT1M"}]}
    data = {"_url": f"{server}/api/v1/write", **policy}
    assert prometheus.deliver(Parcel(data, now, metrics=METRICS)).succeeded

    outcome = prometheus.deliver(Parcel(data, old, metrics=METRICS))

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert "out of bounds" in (outcome.error or "")
