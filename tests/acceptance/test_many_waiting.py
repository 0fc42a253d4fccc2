"""More runs that only wait than a node has workers: later runs start all the same."""

import pathlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.poller import WORKERS
from tests.acceptance.nodes import Node, serving

BATCH, MOST, LATER = 300, 1500, 10
PATIENCE = 180


def idle(duration: str) -> dict[str, Any]:
    return {"schema": 1, "test": {"type": "idle", "spec": {"duration": duration}}, "schedule": {}}


def posted(node: Node, duration: str, number: int) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: node.ask("POST", "/tasks", idle(duration)), range(number)))
    assert {status for status, _ in answers} == {200}
    return [str(href) for _, href in answers]


def states(node: Node, tasks: list[str]) -> Counter[str]:
    return Counter(node.ask("GET", f"{task}/runs/first?wait=0")[1]["state"] for task in tasks)


def until_none_is(node: Node, tasks: list[str], *early: str) -> Counter[str]:
    """The states of the first runs once none of them is in an early one."""
    until = time.monotonic() + PATIENCE
    while set(found := states(node, tasks)) & set(early) and time.monotonic() < until:
        time.sleep(1)
    return found


def test_more_idles_than_there_are_workers_keep_no_other_run_waiting(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path / "node") as node:
        waiting: list[str] = []
        while states(node, waiting)["running"] <= WORKERS["runs"] and len(waiting) < MOST:
            waiting += posted(node, "PT10M", BATCH)
            until_none_is(node, waiting, "pending", "on-deck")
        assert states(node, waiting)["running"] > WORKERS["runs"]

        later = posted(node, "PT1S", LATER)
        ended = until_none_is(node, later, "pending", "on-deck", "running", "cleanup")

        # A machine that has much else to do may be too late for the second of some.
        assert set(ended) <= {"finished", "missed"}
        assert ended["finished"] > LATER / 2
        assert states(node, waiting)["running"] > WORKERS["runs"]
