"""Programs that tools run: bounded in time and output, and ended with everything they started."""

import contextlib
import dataclasses
import os
import selectors
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from chalicelib.domain.errors import Cancelled, PluginFailed
from chalicelib.domain.job import Completed
from chalicelib.infrastructure.child_process import has_ended, running

OUTPUT_LIMIT = 8 * 2**20
"""Bytes a program may print, on both streams together; of one that is followed, bytes of a line."""
ERRORS_KEPT = 2**16
"""Bytes kept of what a program that is followed last printed as errors."""
LOOK_EVERY = 0.05
"""Seconds between looks at the clock and at whether to stop."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What a program gets besides its arguments: input, environment, and an end once it is not wanted."""

    stdin: str = ""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    until: Callable[[], bool] = lambda: False


def execute(argv: Sequence[str], timeout: float, more: Given, stop: threading.Event) -> Completed:
    """Run a program to its end, at most ``timeout`` seconds, or until ``more.until`` says so.

    It gets the C locale, a directory of its own for temporary files, what it is given, and nothing
    else of our environment, which may hold credentials. Output that is not UTF-8 comes back with replacement
    characters. Raises PluginFailed when it cannot be started, takes too long or prints too much, and
    Cancelled when ``stop`` is set; nothing it started outlives the call.
    """
    printed = {"stdout": bytearray(), "stderr": bytearray()}

    def check() -> None:
        if sum(len(into) for into in printed.values()) > OUTPUT_LIMIT:
            raise _Overrun(f"printed more than {OUTPUT_LIMIT} bytes")
        if more.until():
            raise _Unwanted

    stopped = False
    with tempfile.TemporaryDirectory(prefix="pscheduler-") as scratch, tempfile.TemporaryFile() as given:
        given.write(more.stdin.encode())
        given.seek(0)
        program = running(argv, given, scratch, scratch, more.env)
        with _failing_as(argv[0], printed["stderr"]), program as process:
            try:
                _collect(process, printed, check, time.monotonic() + timeout, stop)
            except _Unwanted:
                stopped = True
    return dataclasses.replace(_completed(process, printed), stopped=stopped)


def follow(
    argv: Sequence[str],
    timeout: float,
    on_line: Callable[[str], None],
    stop: threading.Event,
    directory: str | None = None,
) -> Completed:
    """Run a program for at most ``timeout`` seconds, handing over each line it prints as it comes.

    Being ended when the time is up is no failure: its status is negative then. It works in
    ``directory``, or in one that goes when it ends; for the rest it is treated as by ``execute``. No
    line is in what comes back, only the end of what it printed as errors. ``on_line`` may take its
    time, during which the program goes on; what it raises ends the program and is raised here.
    Raises PluginFailed when it cannot be started or a line is too long, and Cancelled.
    """
    printed = {"stdout": bytearray(), "stderr": bytearray()}

    def hand_over() -> None:
        del printed["stderr"][:-ERRORS_KEPT]
        for line in _lines(printed["stdout"]):
            on_line(line)
        if len(printed["stdout"]) > OUTPUT_LIMIT:
            raise _Overrun(f"printed a line of more than {OUTPUT_LIMIT} bytes")

    with tempfile.TemporaryDirectory(prefix="pscheduler-") as scratch, open(os.devnull, "rb") as nothing:
        work = directory or scratch
        with _failing_as(argv[0], printed["stderr"]), running(argv, nothing, scratch, work) as process:
            try:
                _collect(process, printed, hand_over, time.monotonic() + timeout, stop)
            except _TimeUp:
                printed["stdout"].clear()  # half a line is none
    if printed["stdout"]:
        on_line(printed["stdout"].decode(errors="replace"))
        printed["stdout"].clear()
    return _completed(process, printed)


def _lines(printed: bytearray) -> Iterator[str]:
    """Take the lines that are complete out of what was printed."""
    while (end := printed.find(b"\n")) >= 0:
        line = printed[:end].decode(errors="replace")
        del printed[: end + 1]
        yield line


def _completed(process: "subprocess.Popen[bytes]", printed: Mapping[str, bytearray]) -> Completed:
    stdout, stderr = (printed[name].decode(errors="replace") for name in ("stdout", "stderr"))
    return Completed(process.returncode, stdout, stderr)


class _Overrun(Exception):
    """The program went beyond a limit; the message continues its name."""


class _Unwanted(Exception):
    """It is no longer wanted."""


class _TimeUp(_Overrun):
    """It was still running at the end of its time."""


@contextlib.contextmanager
def _failing_as(name: str, stderr: bytearray) -> Iterator[None]:
    try:
        yield
    except _Overrun as error:
        raise PluginFailed(f"The program {name} {error}", stderr.decode(errors="replace")) from error


def _collect(
    process: "subprocess.Popen[bytes]",
    printed: Mapping[str, bytearray],
    look: Callable[[], None],
    deadline: float,
    stop: threading.Event,
) -> None:
    """Read what the program prints until it ended; ``look`` is called after every read."""
    with selectors.DefaultSelector() as selector:
        for name, into in printed.items():
            selector.register(getattr(process, name), selectors.EVENT_READ, into)
        while True:
            # Asked before reading: what an ended program printed is then all there to read. A child
            # that lives on with the pipes open is not waited for.
            ended = has_ended(process)
            read = _read(selector)
            if ended and not read:
                return
            look()
            if stop.is_set():
                raise Cancelled("The run was cancelled")
            if time.monotonic() > deadline:
                raise _TimeUp("took too long")
            if not selector.get_map():
                stop.wait(LOOK_EVERY / 10)


def _read(selector: selectors.BaseSelector) -> int:
    """Take what there is, waiting for it a little; how many bytes it was."""
    count = 0
    if not selector.get_map():
        return 0  # it closed its output, and has still to end
    for key, _ in selector.select(LOOK_EVERY):
        chunk = os.read(key.fd, 65536)
        if not chunk:
            selector.unregister(key.fileobj)
        key.data.extend(chunk)
        count += len(chunk)
    return count
