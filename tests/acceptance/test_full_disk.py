"""A whole node on a disk that fills up: it says so, loses nothing, and goes on once there is room."""

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.acceptance.nodes import Node, free_port, start

LARGE = "x" * 50_000


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of 16 MB, half of it taken by a file ``ballast``."""
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a file system")
    (where / "ballast").write_bytes(b"x" * 8_000_000)
    yield where
    subprocess.run(["umount", "-l", str(where)], check=False)


def post(node: Node) -> tuple[int, str]:
    task = {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT1S"}},
        "schedule": {"start": "PT2H"},
        "reference": LARGE,
    }
    status, answer = node.ask("POST", "/tasks", task)
    return status, str(answer)


def fill(node: Node) -> tuple[list[str], tuple[int, str]]:
    """Post until a task is refused: those that were not, and the refusal."""
    taken: list[str] = []
    for _ in range(1000):
        status, answer = post(node)
        if status != 200:
            return taken, (status, answer)
        taken.append(answer)
    raise AssertionError("the disk never filled up")


def listed(node: Node) -> set[str]:
    return set(node.ask("GET", "/tasks")[1])


def test_a_node_on_a_full_disk_refuses_serves_what_it_has_and_recovers(disk: pathlib.Path) -> None:
    node = start(disk / "node", free_port(), "--period", "2")
    try:
        taken, refusal = fill(node)
        statuses = {node.ask("GET", href)[0] for href in taken}
        still_there = listed(node)
        full = node.ask("GET", "/readyz")
        (disk / "ballast").unlink()
        until = time.monotonic() + 60
        status, last = post(node)
        while status != 200 and time.monotonic() < until:
            time.sleep(0.5)
            status, last = post(node)
        after = listed(node)
        ready = node.ask("GET", "/readyz")
        while ready[0] != 200 and time.monotonic() < until:
            time.sleep(0.5)
            ready = node.ask("GET", "/readyz")
    finally:
        node.stop()

    assert len(taken) > 10
    assert refusal == (507, "The node has no room left to store anything; nothing was stored\n")
    assert statuses == {200}
    assert full == (503, "The disk is full: tasks and results are refused\n")
    assert ready == (200, "OK\n")
    assert still_there == set(taken)
    assert status == 200
    assert after == {*taken, last}
    assert node.process.returncode == 0


def test_a_node_that_is_stopped_on_a_full_disk_has_lost_nothing(disk: pathlib.Path) -> None:
    port = free_port()
    node = start(disk / "node", port, "--period", "2")
    taken, _ = fill(node)
    node.stop()
    (disk / "ballast").unlink()

    again = start(disk / "node", port)
    try:
        there = listed(again)
    finally:
        again.stop()

    assert node.process.returncode == 0
    assert there == set(taken)
