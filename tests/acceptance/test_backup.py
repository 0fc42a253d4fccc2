"""A node is copied while tasks are posted, planned and run, and another starts from the copy."""

import contextlib
import http.client
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.nodes import HERE, Node, free_port, serving, start

BETWEEN = 20
"""Tasks that are answered from one copy to the next."""
COPIES = 2
TASK = {
    "schema": 1,
    "test": {"type": "idle", "spec": {"duration": "PT1S"}},
    "schedule": {"start": "PT2S", "repeat": "PT2S", "max-runs": 2},
}


@contextlib.contextmanager
def posting(node: Node) -> Iterator[list[str]]:
    """Tasks posted one after the other meanwhile; the hrefs of those that were answered."""
    answered: list[str] = []
    stopping = threading.Event()

    def post() -> None:
        link = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        with contextlib.closing(link):
            for number in itertools.count():
                if stopping.is_set():
                    return
                link.request("POST", "/pscheduler/tasks", json.dumps({**TASK, "reference": number}))
                answer = link.getresponse()
                text = answer.read().decode()
                assert answer.status == 200, text
                answered.append(json.loads(text))

    poster = threading.Thread(target=post)
    poster.start()
    try:
        yield answered
    finally:
        stopping.set()
        poster.join()


def wait_for(answered: list[str], count: int) -> None:
    until = time.monotonic() + 120
    while len(answered) < count:
        assert time.monotonic() < until, "nobody answers"
        time.sleep(0.01)


def copy(state: pathlib.Path, to: pathlib.Path) -> None:
    command = [sys.executable, "-m", "local.backup", "--state", str(state), str(to)]
    subprocess.run(command, cwd=HERE, check=True, capture_output=True, timeout=120)


@pytest.mark.slow
def test_a_copy_made_under_load_has_all_that_was_answered_and_goes_on_from_there(
    tmp_path: pathlib.Path,
) -> None:
    before: list[list[str]] = []
    with serving(tmp_path / "node", "--period", "2") as node, posting(node) as answered:
        for number in range(COPIES):
            wait_for(answered, len(answered) + BETWEEN)
            before.append(list(answered))
            copy(node.state, tmp_path / f"copy-{number}")
        wait_for(answered, len(answered) + 1)
        port = node.port

    for number, expected in enumerate(before):
        again = start(tmp_path / f"copy-{number}", free_port(), "--period", "2")
        try:
            require_whole(again, [path_of(href, port) for href in expected])
        finally:
            again.stop()


def path_of(href: str, port: int) -> str:
    base = f"http://127.0.0.1:{port}/pscheduler"
    assert href.startswith(base)
    return href.removeprefix(base)


def require_whole(node: Node, expected: list[str]) -> None:
    """All that was answered is there, what is listed can be read, and a new task runs."""
    listed = [path_of(href, node.port) for href in node.ask("GET", "/tasks")[1]]
    assert set(expected) <= set(listed)
    for path in listed:
        assert node.ask("GET", path)[0] == 200
        status, runs = node.ask("GET", f"{path}/runs?expanded=1")
        assert status == 200
        assert len({run["start-time"] for run in runs}) == len(runs)  # none is placed twice
    status, href = node.ask("POST", "/tasks", {**TASK, "schedule": {"start": "PT2S"}})
    assert status == 200
    until = time.monotonic() + 120
    while node.ask("GET", f"{href}/runs/first?wait-merged=1&wait=20")[1].get("state") != "finished":
        assert time.monotonic() < until, "it does not run"
