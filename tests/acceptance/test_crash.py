"""The node is killed while it takes in tasks, and started again: what was answered is kept."""

import contextlib
import http.client
import json
import math
import pathlib
import threading
import time

from tests.acceptance.nodes import Node, free_port, start

TASKS = 100


def task(number: int, start_in: int) -> dict[str, object]:
    return {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT1S"}},
        "schedule": {"start": f"PT{start_in}S"},
        "reference": {"number": number},
    }


def post_until_killed(node: Node, start_in: int, answered: list[str]) -> None:
    link = http.client.HTTPConnection("127.0.0.1", node.port, timeout=10)
    for number in range(TASKS):
        link.request("POST", "/pscheduler/tasks", json.dumps(task(number, start_in)))
        answer = link.getresponse()
        href = json.loads(answer.read())
        assert answer.status == 200
        answered.append(href)


def test_every_task_that_was_answered_survives_a_kill_and_gets_its_run(tmp_path: pathlib.Path) -> None:
    port, answered = free_port(), list[str]()
    began = time.monotonic()
    node = start(tmp_path / "node", port, "--period", "5")
    # Far enough ahead that the second start is in time for all of them, however slow this machine is now.
    start_in = 20 + 3 * math.ceil(time.monotonic() - began)

    def post() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            post_until_killed(node, start_in, answered)

    poster = threading.Thread(target=post)
    poster.start()
    while len(answered) < TASKS // 2:
        time.sleep(0.005)
    node.kill()
    poster.join()

    again = start(tmp_path / "node", port, "--period", "5")
    try:
        states = [state_when_over(again, href, start_in) for href in answered]
    finally:
        again.stop()

    assert TASKS // 2 <= len(answered) < TASKS
    assert states == ["finished"] * len(answered)


def state_when_over(node: Node, task_href: str, start_in: int) -> str:
    until = time.monotonic() + start_in + 40
    while time.monotonic() < until:
        status, run = node.ask("GET", f"{task_href}/runs/first?wait-merged=1&wait=20")
        assert status == 200
        if run["state"] not in ("pending", "running"):
            return str(run["state"])
    return "never over"
