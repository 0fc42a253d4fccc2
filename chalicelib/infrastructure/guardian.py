"""What ends the programs that a node has started: those that left their session, and when it is killed, too.

Every program gets a mark in its environment, which whatever it starts inherits, wherever it goes. At the end
of a program all that has its mark is killed. For the case that the node itself is killed, a process of its
own waits for the end of a pipe that only the node holds, and then kills all that has the node's mark. Control
groups would do the same for root alone, and a tool in a VRF is in one already.

This is run as a program by itself, without the node's libraries, so it imports nothing of it. It needs /proc;
on other systems than Linux the process group is all that is ended.
"""

import contextlib
import os
import pathlib
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator

VARIABLE = "PSCHEDULER_STARTED_BY"
ROUNDS = 50
"""How often is looked for more: what is being killed may start others meanwhile."""

_PROC = pathlib.Path("/proc")
_node = secrets.token_hex(8)
_starting = threading.Lock()
_lifeline: list[int] = []


def new_mark() -> str:
    """A mark for one program of this node, as the value of ``VARIABLE``."""
    return f"{_node}.{secrets.token_hex(8)}"


def end_marked(mark: str) -> None:
    """Kill whatever has a mark, or one that begins with it, until nothing has. Never raises."""
    for _ in range(ROUNDS):
        found = list(marked(mark))
        if not found:
            return
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def marked(mark: str) -> Iterator[int]:
    """The processes that have a mark, or one that begins with it; zombies have none any more."""
    wanted = f"{VARIABLE}={mark}".encode()
    try:
        names = os.listdir(_PROC)
    except OSError:
        return
    for name in filter(str.isdigit, names):
        try:
            with open(f"{_PROC}/{name}/environ", "rb") as file:
                environment = file.read()
        except OSError:  # it is gone, or somebody else's
            continue
        if any(entry.startswith(wanted) for entry in environment.split(b"\0")):
            yield int(name)


def watch() -> None:
    """Have somebody wait for this process to die; once is enough, and a function has nothing to wait for."""
    if _lifeline or "AWS_LAMBDA_FUNCTION_NAME" in os.environ or not _PROC.is_dir():
        return
    with _starting:
        if _lifeline:
            return
        reading, writing = os.pipe()  # others that are started do not inherit them
        _lifeline.append(writing)
        try:
            os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", __file__, _node],
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, reading, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                ],
                setsid=True,
            )
        except (OSError, NotImplementedError):
            pass  # the death signal of the program itself is left
        finally:
            os.close(reading)


def _wait_and_end(node: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends after the node, and of itself
    while os.read(0, 1):
        pass
    end_marked(node)


if __name__ == "__main__":
    _wait_and_end(sys.argv[1])
