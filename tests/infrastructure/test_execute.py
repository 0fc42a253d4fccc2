"""Running a program that needs an environment, or somebody to end it, with real processes."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import pytest

from chalicelib.domain.errors import PluginFailed
from chalicelib.infrastructure import child_process
from chalicelib.infrastructure.machine import Machine
from tests.infrastructure.test_follow import has_ended

PATIENCE = 20.0
"""Seconds that only a broken test takes."""


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_a_program_sees_what_is_added_to_its_environment() -> None:
    done = Machine().execute(shell("echo $GREETING; echo $PATH"), PATIENCE, env={"GREETING": "hello"})

    greeting, path = done.stdout.splitlines()
    assert greeting == "hello"
    assert path  # besides what it always gets
    assert not done.stopped


def test_a_program_runs_until_it_is_not_wanted_any_longer() -> None:
    unwanted = threading.Event()
    threading.Timer(0.2, unwanted.set).start()

    done = Machine().execute(shell("echo begun; exec sleep 60"), PATIENCE, until=unwanted.is_set)

    assert done.stopped
    assert done.stdout == "begun\n"


def test_a_program_that_ends_by_itself_was_not_stopped() -> None:
    done = Machine().execute(shell("exit 3"), PATIENCE, until=lambda: False)

    assert (done.status, done.stopped) == (3, False)


@pytest.mark.skipif(not child_process._death_signal(), reason="this system has no setpriv that can do it")
def test_a_program_does_not_outlive_whoever_runs_it(tmp_path: pathlib.Path) -> None:
    noted = tmp_path / "pid"
    script = f"echo $$ > {noted}.new; mv {noted}.new {noted}; exec sleep 60"
    imported = "from chalicelib.infrastructure.machine import Machine"
    code = f"{imported}; Machine().execute(['sh', '-c', {script!r}], 60)"
    with subprocess.Popen([sys.executable, "-c", code]) as runner:
        until = time.monotonic() + PATIENCE
        while not noted.exists() and time.monotonic() < until:
            time.sleep(0.02)
        pid = int(noted.read_text())
        runner.kill()

    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.kill(pid, 0)
            time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def escaping(noted: pathlib.Path) -> str:
    """A script whose child leaves its session and its parent, and writes down its number."""
    child = f"echo $$ > {noted}.new; mv {noted}.new {noted}; exec sleep 300"
    return f"setsid sh -c '{child}' >/dev/null 2>&1 </dev/null & while [ ! -e {noted} ]; do sleep 0.02; done"


LEAVES = pytest.mark.skipif(
    not shutil.which("setsid") or not pathlib.Path("/proc/self/environ").exists(),
    reason="needs setsid and /proc",
)


@LEAVES
def test_a_child_that_leaves_its_session_does_not_outlive_the_program(tmp_path: pathlib.Path) -> None:
    noted = tmp_path / "pid"

    Machine().execute(shell(escaping(noted)), PATIENCE)

    assert has_ended(int(noted.read_text()))


@LEAVES
def test_a_child_that_leaves_its_session_ends_with_a_program_that_is_ended(tmp_path: pathlib.Path) -> None:
    noted = tmp_path / "pid"

    with pytest.raises(PluginFailed, match="took too long"):
        Machine().execute(shell(f"{escaping(noted)}; sleep 300"), 1)

    assert not noted.exists() or has_ended(int(noted.read_text()))


@LEAVES
def test_the_children_of_other_programs_go_on(tmp_path: pathlib.Path) -> None:
    stop, noted = threading.Event(), tmp_path / "pid"
    other = threading.Thread(
        target=lambda: Machine().execute(shell(f"{escaping(noted)}; sleep 300"), 60, until=stop.is_set)
    )
    other.start()
    wait_for(noted)

    Machine().execute(shell("true"), PATIENCE)
    alive = pathlib.Path(f"/proc/{noted.read_text().strip()}").exists()
    stop.set()
    other.join()

    assert alive
    assert has_ended(int(noted.read_text()))


@LEAVES
def test_nothing_that_was_started_outlives_a_node_that_is_killed(tmp_path: pathlib.Path) -> None:
    noted = tmp_path / "pid"
    imported = "from chalicelib.infrastructure.machine import Machine"
    code = f"{imported}; Machine().execute(['sh', '-c', {f'{escaping(noted)}; sleep 300'!r}], 300)"
    with subprocess.Popen([sys.executable, "-c", code]) as runner:
        wait_for(noted)
        runner.kill()

    assert has_ended(int(noted.read_text()))


def wait_for(path: pathlib.Path) -> None:
    until = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
