"""Cancelling a run under way stops its tool, program and all."""

import pathlib
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.nodes import Node, serving

SOON = 10.0
"""Seconds within which a tool has stopped."""
LENGTH = 1217
"""Bytes no other ping of this machine sends: how its process is told apart."""


def wait_for(what: Callable[[], bool], seconds: float) -> float:
    """The seconds until something was so; the test fails where it never was."""
    begin = time.monotonic()
    while not what():
        assert time.monotonic() - begin < seconds, "it did not happen"
        time.sleep(0.2)
    return time.monotonic() - begin


def pings() -> int:
    found = subprocess.run(
        ["pgrep", "-f", f"ping.* -s {LENGTH}"], capture_output=True, text=True, check=False
    )
    return len(found.stdout.split())


def measured(node: Node, document: dict[str, Any]) -> tuple[str, Any]:
    """A task whose ping is at work, and its run. One that is too late on a busy machine is made again."""
    for _ in range(5):
        _, task = node.ask("POST", "/tasks", document)
        if has_begun(node, task):
            return task, node.ask("GET", f"{task}/runs/first")[1]
    raise AssertionError("no run was in time")


def has_begun(node: Node, task: str) -> bool:
    """Whether the ping of a task comes to work; False where its run was missed."""

    def missed() -> bool:
        return bool(node.ask("GET", f"{task}/runs/first")[1]["state"] == "missed")

    wait_for(lambda: pings() == 1 or missed(), 60)
    return not missed()


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("ping") and shutil.which("pgrep")), reason="no ping, or no pgrep")
@pytest.mark.parametrize("whole_task", [False, True])
def test_the_tool_of_a_cancelled_run_stops_within_seconds(tmp_path: pathlib.Path, whole_task: bool) -> None:
    spec = {"dest": "127.0.0.1", "count": 120, "interval": "PT1S", "length": LENGTH}
    with serving(tmp_path / "node", "--period", "5") as node:
        task, first = measured(node, {"schema": 1, "test": {"type": "rtt", "spec": spec}, "tool": "ping"})

        status, _ = node.ask("DELETE", task if whole_task else first["href"])
        took = wait_for(lambda: pings() == 0, SOON)
        _, run = node.ask("GET", first["href"])

    assert status == 200
    assert took < SOON
    assert (run["state"], run["reason"]["code"]) == ("canceled", "canceled")
    assert run["result"] is None
