"""The node as an operator runs it: a process of its own, started, killed and stopped."""

import contextlib
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
MINISTACK = ""
"""Where its interpreter is said to be, if not where it is."""


class Node:
    """A process ``python -m local.node`` on a free port."""

    def __init__(self, state: pathlib.Path, *more: str, port: int | None = None):
        self.port = port if port is not None else ministack.free_port()
        self.state = state
        command = [sys.executable, "-m", "local.node", f"--port={self.port}", f"--state={state}", *more]
        self.process = subprocess.Popen(
            command,
            cwd=FOLDER,
            env={**os.environ, "MINISTACK_PYTHON": MINISTACK or ministack_python()},
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
    ended = node.end(signal.SIGINT)

    assert status == 200
    assert "RTT Mean (ms)" in node.said
    assert "Packet Loss ............. 0%" in node.said
    assert "Traceback" not in node.said
    assert ended == 0
    assert node.said.endswith("Stopped.\n")


def test_it_stops_tidily_once_its_terminal_is_closed(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(node := Node(tmp_path, "--no-first"))
    node.until("Ctrl-C stops")

    assert node.end(signal.SIGHUP) == 0
    assert node.said.endswith("Stopped.\n")


@pytest.mark.parametrize("engine", ["sqlite", "ministack"])
def test_what_was_answered_survives_a_kill(engine: str, nodes: list[Node], tmp_path: pathlib.Path) -> None:
    options = ("--no-first", f"--engine={engine}")
    nodes.append(killed := Node(tmp_path, *options))
    killed.until("Ctrl-C stops")
    task = post_idle(killed)
    killed.end(signal.SIGKILL)

    nodes.append(second := Node(tmp_path, *options))
    second.until("Ctrl-C stops")
    assert second.get(f"/tasks/{task}")[0] == 200
    assert second.end(signal.SIGTERM) == 0

    nodes.append(third := Node(tmp_path, *options))
    third.until("Ctrl-C stops")
    assert third.get(f"/tasks/{task}")[0] == 200


def test_commands_beside_a_running_node_change_what_it_does(
    nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    nodes.append(node := Node(tmp_path / "node", "--no-first"))
    node.until("Ctrl-C stops")
    before = node.get("/stat/control/pause")[1]["is_paused"]

    paused = command("local.control", "--state", str(tmp_path / "node"), "pause")
    copied = command("local.backup", "--state", str(tmp_path / "node"), str(tmp_path / "copy"))

    assert (paused, copied) == (0, 0)
    assert before is False
    assert node.get("/stat/control/pause")[1]["is_paused"] is True
    node.end(signal.SIGTERM)
    nodes.append(again := Node(tmp_path / "copy", "--no-first"))
    again.until("Ctrl-C stops")
    assert again.get("/stat/control/pause")[1]["is_paused"] is True


def command(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", *words], cwd=FOLDER, timeout=60, check=False).returncode


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"Dear diary, " * 1000, "is damaged"),
        (b"SQLite format 3\x00" + bytes(range(256)) * 64, "is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line_and_stays_as_it_is(
    content: bytes, complaint: str, nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "state.sqlite").write_bytes(content)
    nodes.append(node := Node(tmp_path, "--no-first"))

    assert node.end() == 1
    assert complaint in node.said
    assert node.said.count("\n") == 1
    assert (tmp_path / "state.sqlite").read_bytes() == content


@pytest.mark.parametrize("name", ["node.log", "operator-token.new", "certificate.pem"])
def test_a_file_it_keeps_that_it_cannot_write_to_is_one_clear_line(
    name: str, nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    (tmp_path / name).mkdir()  # nobody can write to it, not even root
    nodes.append(node := Node(tmp_path, "--no-first", "--tls"))

    assert node.end() == 1
    assert "Traceback" not in node.said
    assert f"Cannot use {tmp_path / name} (Is a directory)" in node.said.splitlines()[-1]


def test_a_state_that_ministack_kept_is_refused_in_one_clear_line(
    nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "ministack").mkdir()
    nodes.append(node := Node(tmp_path, "--no-first"))

    assert node.end() == 1
    assert "kept by MiniStack, which is not read: choose another folder with STATE=" in node.said
    assert node.said.count("\n") == 1
    assert not (tmp_path / "state.sqlite").exists()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("--port=99999", "There is no port '99999': choose one from 1 to 65535 with PORT="),
        ("--port=http", "There is no port 'http': choose one from 1 to 65535 with PORT="),
        (
            "--engine=dynamo",
            "There is no engine 'dynamo': choose one of sqlite, moto, ministack with ENGINE=",
        ),
        ("--period=0", "There is no period '0': choose --period from 0.1 to 3600 seconds"),
        ("--period=soon", "There is no period 'soon': choose --period from 0.1 to 3600 seconds"),
    ],
)
def test_a_setting_that_is_none_is_one_clear_line(
    option: str, complaint: str, nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    nodes.append(node := Node(tmp_path, option))

    assert (node.end(), node.said) == (1, f"{complaint}\n")


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


def test_nobody_else_writes_to_the_state_whatever_it_was_started_with(
    nodes: list[Node], tmp_path: pathlib.Path
) -> None:
    before = os.umask(0)
    try:
        nodes.append(Node(tmp_path / "state", "--no-first"))
    finally:
        os.umask(before)
    nodes[-1].until("Serving")

    made = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert len(made) > 3
    assert [path for path in made if path.stat().st_mode & 0o022] == []


def test_a_folder_in_use_is_one_clear_line(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(first := Node(tmp_path, "--no-first"))
    first.until("Ctrl-C stops")
    nodes.append(second := Node(tmp_path, "--no-first"))

    assert second.end() == 1
    assert second.said == f"Another node is using {tmp_path}: choose another folder with STATE=\n"


def test_a_missing_ministack_is_one_clear_line(
    nodes: list[Node], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.local.test_node.MINISTACK", "/no/such/python")
    nodes.append(node := Node(tmp_path, "--engine=ministack"))

    assert node.end() == 1
    last = node.said.splitlines()[-1]
    assert (
        last
        == "MiniStack is not installed (/no/such/python is missing): python3 local/bootstrap.py ministack"
    )


@pytest.mark.parametrize("kept", [True, False])
def test_chalices_own_server_keeps_its_state_where_state_says(kept: bool, tmp_path: pathlib.Path) -> None:
    with chalice_local(tmp_path, kept) as port:
        task = posted(port)

    with chalice_local(tmp_path, kept) as port:
        status = asked(port, "GET", f"/tasks/{task}")[0]

    assert status == (200 if kept else 404)
    assert (tmp_path / "state.sqlite").exists() == kept


@contextlib.contextmanager
def chalice_local(state: pathlib.Path, kept: bool) -> Iterator[int]:
    """``chalice local`` on a free port; killed at the end."""
    port = ministack.free_port()
    chalice = str(pathlib.Path(sys.executable).parent / "chalice")
    command = [sys.executable, chalice, "local", "--stage", "local", f"--port={port}"]
    environment = {name: value for name, value in os.environ.items() if name != "STATE"}
    if kept:
        environment["STATE"] = str(state)
    with subprocess.Popen(
        [*command, "--no-autoreload"], cwd=FOLDER, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 60
            while not answers(port):
                assert time.monotonic() < until, "chalice local does not answer"
                time.sleep(0.2)
            yield port
        finally:
            process.kill()


def answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return asked(port, "GET", "/")[0] == 200
    return False


def asked(port: int, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def posted(port: int) -> str:
    """Post an idle task; its uuid."""
    body = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {}}
    status, href = asked(port, "POST", "/tasks", json.dumps(body))
    assert status == 200, href
    return str(json.loads(href)).rsplit("/", 1)[-1]
