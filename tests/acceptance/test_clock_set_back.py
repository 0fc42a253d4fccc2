"""A node whose host's clock is far ahead for a while: it goes on once that is right, and has lost nothing."""

import pathlib
import time
from typing import Any

import pytest

from tests.acceptance.nodes import Node, free_port, start

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
AHEAD = {"LD_PRELOAD": str(LIBRARY), "FAKETIME": "+400d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
TASK = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {"repeat": "PT5S"}}


def finished(node: Node, task: str) -> set[str]:
    """The runs of a task that are over, by the times at which they began."""
    status, runs = node.ask("GET", f"{task}/runs?expanded")
    assert status == 200, runs
    return {run["start-time"] for run in runs if run["state"] == "finished"}


def wait_for_more(node: Node, task: str, known: set[str]) -> set[str]:
    until = time.monotonic() + 60
    while not (more := finished(node, task) - known):
        assert time.monotonic() < until, node.ask("GET", f"{task}?detail")
        time.sleep(0.5)
    return more


@pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime")
def test_a_clock_that_is_ahead_for_a_while_stops_nothing_for_good(tmp_path: pathlib.Path) -> None:
    port = free_port()

    def started(**variables: Any) -> Node:
        return start(tmp_path / "node", port, "--period", "2", **variables)

    node = started()
    task = node.ask("POST", "/tasks", TASK)[1]
    known = wait_for_more(node, task, set())
    node.stop()

    node = started(**AHEAD)
    ahead = wait_for_more(node, task, known)
    node.kill()

    node = started()
    try:
        back = wait_for_more(node, task, known | ahead)
        assert finished(node, task) >= known | ahead | back
        assert max(back) < min(ahead)
        assert node.ask("GET", "/readyz")[0] == 200
    finally:
        node.stop()
