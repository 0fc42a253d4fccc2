"""The node as an operator runs it: a process of its own, started, killed and stopped."""

import http.client
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local import ministack
from tests.conftest import ministack_python

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent


class Node:
    """A process ``python -m local.node`` on a free port."""

    def __init__(self, state: pathlib.Path, *more: str, port: int | None = None):
        self.port = port or ministack.free_port()
        self.state = state
        command = [sys.executable, "-m", "local.node", f"--port={self.port}", f"--state={state}", *more]
        self.process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env={**os.environ, "MINISTACK_PYTHON": ministack_python()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = ""

    def until(self, text: str, seconds: float = 40) -> "Node":
        """Wait for it to print a text."""
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < deadline, f"no {text!r} in {self.said!r}"
            assert self._read(), f"ended with {self.process.wait(5)}: {self.said}"
        return self

    def _read(self) -> bool:
        """Take in what it prints within half a second; False once it has closed its output."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], 0.5)[0]:
            return True
        read = os.read(self.process.stdout.fileno(), 65536)
        self.said += read.decode()
        return bool(read)

    def end(self, how: signal.Signals | None = None) -> int:
        """Send a signal, if any, and give it time to end. Its exit status."""
        if how is not None:
            self.process.send_signal(how)
        while self._read():
            pass
        return self.process.wait(30)

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/pscheduler{path}")
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ministack(self) -> ministack.MiniStack:
        return ministack.MiniStack(**json.loads((self.state / "ministack.json").read_text()))


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    started: list[Node] = []
    yield started
    for node in started:
        if node.process.poll() is None:
            node.process.kill()
        node.process.wait(30)
        assert node.process.stdout is not None
        node.process.stdout.close()
    for node in started:
        if (node.state / "ministack.json").exists() and node.ministack().answers():
            node.ministack().stop()


def test_it_measures_serves_and_stops_all_it_started(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(node := Node(tmp_path))
    node.until("Ctrl-C stops")

    status, _ = node.get("/")
    running = node.ministack()
    ended = node.end(signal.SIGINT)

    assert status == 200
    assert "RTT Mean (ms)" in node.said
    assert "Packet Loss ............. 0%" in node.said
    assert "Traceback" not in node.said
    assert ended == 0
    assert node.said.endswith("Stopped.\n")
    assert not running.answers()


def test_what_was_answered_survives_a_kill(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(killed := Node(tmp_path, "--no-first"))
    killed.until("Ctrl-C stops")
    kept = killed.ministack()
    task = post_idle(killed)
    killed.end(signal.SIGKILL)

    nodes.append(second := Node(tmp_path, "--no-first"))
    second.until("Ctrl-C stops")

    assert "found it running" in second.said
    assert second.ministack() == kept
    assert second.get(f"/tasks/{task}")[0] == 200
    assert second.end(signal.SIGTERM) == 0

    nodes.append(third := Node(tmp_path, "--no-first"))
    third.until("Ctrl-C stops")
    assert third.get(f"/tasks/{task}")[0] == 200


def post_idle(node: Node) -> str:
    body = {"schema": 1, "test": {"type": "idle", "spec": {"schema": 1, "duration": "PT1S"}}, "schedule": {}}
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=10)
    connection.request("POST", "/pscheduler/tasks", body=json.dumps(body))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200, text
    return str(json.loads(text)).rsplit("/", 1)[-1]


def test_moto_needs_no_emulator(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(node := Node(tmp_path, "--engine=moto", "--no-first"))
    node.until("Ctrl-C stops")

    assert node.get("/")[0] == 200
    assert not (tmp_path / "ministack.json").exists()
    assert node.end(signal.SIGTERM) == 0


def test_a_taken_port_is_one_clear_line(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nodes.append(node := Node(tmp_path, port=taken.getsockname()[1]))
        ended = node.end()

    assert (ended, node.said.count("\n")) == (1, 1)
    assert f"Cannot serve on 127.0.0.1 port {node.port} (Address already in use)" in node.said


def test_a_folder_in_use_is_one_clear_line(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(first := Node(tmp_path, "--engine=moto", "--no-first"))
    first.until("Ctrl-C stops")
    nodes.append(second := Node(tmp_path, "--engine=moto", "--no-first"))

    assert second.end() == 1
    assert second.said == f"Another node is using {tmp_path}: choose another folder with STATE=\n"


def test_a_missing_ministack_is_one_clear_line(
    nodes: list[Node], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.local.test_node.ministack_python", lambda: "/no/such/python")
    nodes.append(node := Node(tmp_path))

    assert node.end() == 1
    last = node.said.splitlines()[-1]
    assert last == "MiniStack is not installed (/no/such/python is missing): use make run, or ENGINE=moto"
