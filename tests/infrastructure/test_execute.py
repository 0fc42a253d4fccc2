"""Running a program that needs an environment, or somebody to end it, with real processes."""

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time

import pytest

from chalicelib.infrastructure import processes
from chalicelib.infrastructure.machine import Machine

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


@pytest.mark.skipif(not processes._death_signal(), reason="this system has no setpriv that can do it")
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
