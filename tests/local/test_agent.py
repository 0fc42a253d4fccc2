"""``make agent``: an agent beside a node on this machine, in one line."""

import contextlib
import json
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.nodes import HERE, Node, free_port, start

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {}}


@pytest.fixture
def node(tmp_path: pathlib.Path) -> Iterator[Node]:
    running = start(tmp_path / "node", free_port(), PSCHEDULER_LIMITS="open")
    yield running
    running.stop()


def ask(node: Node, path: str, body: Any = None) -> Any:
    """What the node of the agent answers, known by its name."""
    url = path.replace("agent.localhost", "127.0.0.1") if path.startswith("http") else f"{node.base}{path}"
    data = None if body is None else json.dumps(body).encode()
    head = {"Host": f"agent.localhost:{node.port}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, head), timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
def test_it_joins_by_itself_measures_and_goes_on_as_the_same_agent(
    node: Node, tmp_path: pathlib.Path
) -> None:
    command = [sys.executable, "-m", "local.agent", "--port", str(node.port), "--state", str(node.state)]
    instances = []
    for _ in range(2):
        with (tmp_path / "log").open("ab") as log:
            agent = subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log)
        try:
            if not instances:
                _wait_until_it_is_known(node)
            result = _measured(node)
            instances.append((node.state / "agents/agent.localhost/agent.sqlite").stat().st_ino)
        finally:
            agent.terminate()
            agent.wait(20)
        assert result["succeeded"] is True, (tmp_path / "log").read_text()

    assert len(set(instances)) == 1
    assert (tmp_path / "log").read_text().count("Joined: ") == 1


def _wait_until_it_is_known(node: Node) -> None:
    """Until the node of the agent is known and its host has said what it can do."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if ask(node, "/hostname") == "agent.localhost":
            with contextlib.suppress(urllib.error.HTTPError):
                ask(node, "/tasks", IDLE)
                return
        time.sleep(0.5)
    raise AssertionError("the node of the agent takes no task")


def _measured(node: Node) -> Any:
    """The result of a task; of another where this machine was too busy to begin it in time."""
    until, task = time.monotonic() + 150, ask(node, "/tasks", IDLE)
    while True:
        try:
            return ask(node, f"{task}/runs/first/result?wait=20")
        except urllib.error.HTTPError as error:
            error.close()
            run = ask(node, f"{task}/runs/first")
            assert time.monotonic() < until, run
            if run["state"] in ("missed", "nonstart"):
                task = ask(node, "/tasks", IDLE)
