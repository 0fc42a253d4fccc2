"""The recorded conversations with the reference server, replayed against a node."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from plugins import registry
from tests.acceptance.nodes import HERE, Node, free_port, start

PROGRAMS = ("ping", "traceroute", "tracepath", "iperf", "iperf3", "nuttcp")
"""What the recorded host had; without one, its tool declines where the recording has a yes."""
MISSING = [program for program in PROGRAMS if not shutil.which(program)]
OTHER = "127.0.0.2"
"""Where the recorded host had a second server, for tasks of two participants."""

SHELF = HERE.parent / "shared" / "conformance"

pytestmark = pytest.mark.skipif(not SHELF.exists(), reason="the recorded conversations are not here")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that has a second one for company, at the same port of another address."""
    folder, port = tmp_path_factory.mktemp("conformance"), free_port()
    peers = {"PSCHEDULER_PEER_SCHEME": "http", "PSCHEDULER_PEER_PORT": str(port)}
    other = start(folder / "other", port, address=OTHER, **peers)
    try:
        running = start(folder / "node", port, "--period", "5", **peers)
        try:
            wait_for_every_tick(running)
            yield running
        finally:
            running.stop()
    finally:
        other.stop()


def wait_for_every_tick(node: Node) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        services = node.ask("GET", "/status")[1]["services"].values()
        if all(service["updates"] for service in services):
            return
        time.sleep(0.2)


def replay_module() -> Any:
    spec = importlib.util.spec_from_file_location("replay", SHELF / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SHELF / name).read_text().splitlines()]


def test_specs_of_every_test_here_agree_with_the_recordings(node: Node) -> None:
    replay = replay_module().Replay(node.base)
    mine = [case for case in cases("specs.jsonl") if case["path"].split("/")[2] in registry.tests()]

    wrong = {case["id"]: replay.differences(case, *replay.send(case)) for case in mine}

    assert len(mine) > 100
    assert {name: error for name, error in wrong.items() if error} == {}


def replayed(node: Node, name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SHELF / "replay.py"), node.base, str(SHELF / name), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


needs_ping = pytest.mark.skipif(
    not shutil.which("ping"), reason="the recorded host had the program ping, this one has not"
)


def documented() -> set[str]:
    """The cases that docs/compatibility.md says are answered otherwise, each with its reason."""
    _, _, table = (HERE / "docs" / "compatibility.md").read_text().partition("## Recorded cases")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert all(len(row) == 5 and all(cell.strip() for cell in row[1:4]) for row in rows)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[1])}


@pytest.mark.slow
@needs_ping
def test_the_api_answers_as_in_the_recordings_but_for_what_is_documented(node: Node) -> None:
    # The first of the two conversations: it counts on there being no tasks but its own.
    done = replayed(
        node, "api.jsonl", "--min", "0.95" if MISSING else "0.97", "--patience", "5", "--show", "1000"
    )

    different = set(re.findall(r"^(\S+): [A-Z]+ ", done.stdout, re.MULTILINE))
    assert done.returncode == 0, done.stdout
    assert MISSING or different - documented() == set(), done.stdout


@pytest.mark.slow
@needs_ping
def test_tasks_live_as_in_the_recordings(node: Node) -> None:
    done = replayed(node, "lifecycle.jsonl")

    assert done.returncode == 0, done.stdout


def test_what_is_documented_are_cases_there_are() -> None:
    assert documented() - {case["id"] for case in cases("api.jsonl")} == set()
