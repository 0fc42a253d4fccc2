"""Receivers as private processes: in a folder of their own, on loopback, ended with the test."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

PATIENCE = 90.0
"""Seconds that a program may take to be ready, or a result to arrive."""
ENDING = 20.0


def needed(program: str) -> str:
    """Where a program is; the test is skipped where it is missing."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed here")
    return found


@contextlib.contextmanager
def folder() -> Iterator[pathlib.Path]:
    """A folder with a path that is short enough for sockets, and that anybody may enter."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="receiver-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def running(
    command: Sequence[str],
    where: pathlib.Path,
    ready: Callable[[], bool],
    more: Mapping[str, str] | None = None,
) -> Iterator[pathlib.Path]:
    """A program for as long as it is needed, and what it starts; yields the file of what it says."""
    said = where / f"{pathlib.Path(command[0]).name}.out"
    with said.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(more or {})},
            start_new_session=True,
        )
    try:
        until(lambda: process.poll() is not None or ready(), f"{command[0]} to be ready")
        assert process.poll() is None, said.read_text(errors="replace")
        yield said
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something is so; fails with what was waited for."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def lines(file: pathlib.Path, least: int, begin: str = "") -> list[str]:
    """The whole lines of a file that begin so, as soon as there are so many."""
    found: list[str] = []

    def enough() -> bool:
        written = file.read_text(errors="replace") if file.exists() else ""
        found[:] = [line for line in written.split("\n")[:-1] if line.startswith(begin)]
        return len(found) >= least

    until(enough, f"{least} lines in {file.name}")
    return found
