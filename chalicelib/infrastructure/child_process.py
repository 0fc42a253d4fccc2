"""A program as a process of ours: with an environment of its own, and ended with everything it started."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from chalicelib.domain.errors import PluginFailed
from chalicelib.infrastructure import guardian

SECONDS_TO_STOP = 0.5
"""Seconds a program has to end by itself once asked to."""
_LOOK_EVERY = 0.005
"""Seconds between looks at whether it has."""

_KEPT = ("PATH", "LD_LIBRARY_PATH", "TZ")


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    stdin: IO[bytes],
    scratch: str,
    directory: str,
    env: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The program, ended with everything it has started however this is left."""
    mark = guardian.new_mark()
    given = {**_environment(os.environ, scratch), **(env or {}), guardian.VARIABLE: mark}
    process = _start(argv, stdin, directory, given)
    with process:
        try:
            yield process
        finally:
            _end(process)
            guardian.end_marked(mark)


def _start(
    argv: Sequence[str], stdin: IO[bytes], directory: str, env: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - argv is a list, no shell reads it
            [*_dying_with_us(argv[0], env.get("PATH")), *argv],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=env,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        raise PluginFailed(f"The program {argv[0]} cannot be started: {error}") from error


def _dying_with_us(program: str, path: str | None) -> Sequence[str]:
    """What to put before a program so that it is asked to end should this process be killed.

    Nobody else would end it, and some never end by themselves. A program that is missing is left to whoever
    starts it to say so.
    """
    prefix = _death_signal()
    return prefix if prefix and shutil.which(program, path=path) else ()


@functools.cache
def _death_signal() -> Sequence[str]:
    """util-linux's setpriv, where it is there and new enough."""
    prefix = ("setpriv", "--pdeathsig", "TERM")
    try:
        found = subprocess.run([*prefix, "true"], capture_output=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return prefix if found.returncode == 0 else ()


def _environment(own: Mapping[str, str], scratch: str) -> dict[str, str]:
    kept = {name: own[name] for name in _KEPT if name in own}
    return {**kept, "LC_ALL": "C", "TMPDIR": scratch, "HOME": scratch}


def has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the program is no longer running."""
    # Left a zombie, so that the number of its group cannot become somebody else's before _end.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, flags) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole process group: asked first where the program still runs, then killed."""
    if not has_ended(process):
        _signal(process, signal.SIGTERM)
        last_look = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < last_look and not has_ended(process):
            time.sleep(_LOOK_EVERY)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    # Where nothing but the zombie is left, some systems say there is nobody to signal.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
