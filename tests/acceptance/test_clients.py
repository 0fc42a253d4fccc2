"""What existing clients do, request by request, against a whole node (docs/contract/cli.md)."""

import datetime as dt
import json
import pathlib
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.nodes import Node, serving

COUNTS = [
    "archiving/backlog",
    "archiving/upcoming",
    "http-queue/backlog",
    "http-queue/length",
    *(f"runs/{state}" for state in ("pending", "on-deck", "running", "cleanup", "finished")),
    *(f"runs/{state}" for state in ("overdue", "missed", "failed", "preempted", "nonstart")),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with serving(pathlib.Path(tmp_path_factory.mktemp("clients")) / "node") as running:
        yield running


def got(node: Node, path: str, **arguments: str) -> Any:
    """What a GET answers; it must be a 200."""
    joint = "&" if "?" in path else "?"
    status, value = node.ask("GET", path + (joint + urllib.parse.urlencode(arguments) if arguments else ""))
    assert status == 200, value
    return value


def posted(node: Node, task: Any) -> str:
    status, href = node.ask("POST", "/tasks", task)
    assert status == 200, href
    return str(href)


def sleep_until(stamp: str) -> None:
    left = dt.datetime.fromisoformat(stamp) - dt.datetime.now(dt.timezone.utc)
    time.sleep(max(0.0, left.total_seconds()))


def test_the_task_command_posts_waits_and_shows(node: Node) -> None:
    assert isinstance(got(node, "/"), str)
    spec = got(node, "/tests/idle/spec", args=json.dumps(["--duration", "PT1S"]))
    participants = got(node, "/tests/idle/participants", spec=json.dumps(spec))
    assert participants["participants"] == [None]

    task = posted(node, {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": {"slip": "PT5M"}})
    posted_task = got(node, task, detail="1")
    assert posted_task["tool"]
    assert got(node, posted_task["detail"]["first-run-href"])["href"]

    # watch
    detail = got(node, task, detail="True")["detail"]
    assert detail["multi-result"] is False
    run = got(node, detail["first-run-href"], wait="0")
    sleep_until(run["end-time"])
    merged = got(node, run["href"], **{"wait-merged": "True"})
    assert merged["state"] == "finished"
    assert node.ask("GET", f"{detail['next-run-href']}?wait=0")[0] == 404

    # result
    assert merged["participant"] == 0
    assert got(node, f"{run['task-href']}/cli")[0] == "idle"
    assert "PT1S" in got(node, run["result-href"], format="text/plain")
    assert "<" in got(node, run["result-href"], format="text/html")


def test_troubleshoot_finds_nothing_wrong(node: Node) -> None:
    assert got(node, "/mtu-safe", dest="127.0.0.1")["safe"] is True
    assert got(node, "/api") >= 4
    assert "time" in got(node, "/clock")
    for kind in ("archivers", "contexts", "tests", "tools"):
        assert got(node, f"/{kind}")
    status = got(node, "/status")
    assert status["limits"]["ok"] is True
    for service in ("ticker", "scheduler", "runner", "archiver"):
        assert status["services"][service]["overdue"] is None
    assert {"last-finished", "last-scheduled"} <= set(status["runs"])
    assert all(isinstance(json.loads(got(node, f"/stat/{count}")), int) for count in COUNTS)

    archive = {"archiver": "bitbucket", "data": {}, "transform": {"script": "."}, "ttl": "PT1M"}
    idle = {"type": "idle", "spec": {"duration": "PT1S"}}
    task = posted(node, {"test": idle, "schedule": {}, "archives": [archive, archive]})
    first = got(node, task, detail="")["detail"]["first-run-href"]
    run = got(node, first)
    sleep_until(run["end-time"])
    got(node, first, **{"wait-merged": "True"})
    assert got(node, run["result-href"], **{"wait-merged": "True"})["succeeded"] is True
    archivings: list[dict[str, Any]] = []
    for _ in range(5):
        archivings = got(node, first)["archivings"]
        if sum(one["completed"] for one in archivings) == 2:
            break
        time.sleep(1)
    assert [one["archived"] for one in archivings] == [True, True]


def test_schedule_monitor_metrics_and_plot_show_what_is_there(node: Node) -> None:
    task = posted(
        node,
        {"test": {"type": "idleex", "spec": {"duration": "PT1S"}}, "schedule": {"start": "PT30M"}},
    )
    now = dt.datetime.now(dt.timezone.utc)
    span = {"start": now.isoformat(), "end": (now + dt.timedelta(hours=1)).isoformat()}

    (one,) = got(node, "/schedule", **span, task=task.rsplit("/", 1)[-1])
    assert (one["task"]["test"]["type"], one["cli"]) == ("idleex", ["--duration", "PT1S"])
    assert {"start-time", "end-time", "state", "state-display", "errors", "priority", "href"} <= set(one)
    shown = [each for each in got(node, "/monitor", window="40") if each["href"] == one["href"]]
    assert [each["ppf"] for each in shown] == [1]
    assert got(node, "/stat/control/pause") == {"is_paused": False}
    assert got(node, "/schedule", **span, format="data").startswith("1 ")

    status, text = node.ask("DELETE", task)
    assert (status, text) == (200, "OK\n")
    assert got(node, "/schedule", **span, task=task.rsplit("/", 1)[-1]) == []


def test_an_agent_finds_its_tasks_by_reference(node: Node) -> None:
    reference = {"psconfig": {"created-by": {"uuid": "4dd1", "agent-type": "x"}}, "display-set-source": "a"}
    task = posted(
        node,
        {
            "test": {"type": "idle", "spec": {"duration": "PT1S"}},
            "schedule": {"start": "PT1H", "repeat": "PT1H"},
            "reference": reference,
        },
    )
    wanted = {
        "reference": {"psconfig": {"created-by": {"uuid": "4dd1", "agent-type": "x"}}},
        "detail": {"enabled": True},
    }

    (found,) = got(node, "/tasks", json=json.dumps(wanted), expanded="1", detail="1")

    assert found["href"] == task
    assert found["reference"] == reference
    assert {"start", "duration", "post", "enabled", "hints", "participants"} <= set(found["detail"])
    assert node.ask("DELETE", task)[0] == 200
    assert got(node, "/tasks", json=json.dumps(wanted), expanded="1") == []
