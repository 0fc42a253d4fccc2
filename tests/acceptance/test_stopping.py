"""Cancelling a run under way stops its tool, program and all."""

import pathlib
import shutil
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.acceptance.nodes import serving

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


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("ping") and shutil.which("pgrep")), reason="no ping, or no pgrep")
@pytest.mark.parametrize("whole_task", [False, True])
def test_the_tool_of_a_cancelled_run_stops_within_seconds(tmp_path: pathlib.Path, whole_task: bool) -> None:
    spec = {"dest": "127.0.0.1", "count": 120, "interval": "PT1S", "length": LENGTH}
    with serving(tmp_path / "node", "--period", "5") as node:
        _, task = node.ask(
            "POST", "/tasks", {"schema": 1, "test": {"type": "rtt", "spec": spec}, "tool": "ping"}
        )
        _, first = node.ask("GET", f"{task}/runs/first")
        wait_for(lambda: pings() == 1, 60)

        status, _ = node.ask("DELETE", task if whole_task else first["href"])
        took = wait_for(lambda: pings() == 0, SOON)
        _, run = node.ask("GET", first["href"])

    assert status == 200
    assert took < SOON
    assert (run["state"], run["reason"]["code"]) == ("canceled", "canceled")
    assert run["result"] is None
