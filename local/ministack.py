"""MiniStack, the AWS emulator: started once for a state folder, found again, stopped cleanly.

It runs in a session of its own, so it outlives a node that was killed and the next start on the same
folder takes it over with everything in it. It keeps its state only when stopped with SIGTERM.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid

SERVICES = "dynamodb,sqs,s3"
"""What a node uses. The others - functions, containers, state machines - would run code for whoever asks."""
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach loopback


class MiniStackTrouble(Exception):
    """MiniStack cannot be started; the message is one line for the operator."""


@dataclasses.dataclass(frozen=True)
class MiniStack:
    """A running MiniStack. ``mark`` tells it from any other program on its port."""

    port: int
    pid: int
    mark: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether this very MiniStack answers on its port."""
        try:
            with _DIRECT.open(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return bool(json.load(answer).get("edition") == self.mark)
        except (OSError, ValueError, urllib.error.URLError):
            return False

    def stop(self) -> bool:
        """Stop it so that it writes its state. False when it had to be killed, its state lost."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        if _gone(self.pid, _STOP_SECONDS):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        _gone(self.pid, _STOP_SECONDS)
        return False


def start(python: str, folder: pathlib.Path, services: str = SERVICES) -> tuple[MiniStack, bool]:
    """The MiniStack of a folder, and whether it was already running.

    ``python`` is the interpreter it is installed in. Raises MiniStackTrouble.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = _recorded(folder)
    if known is not None and known.answers():
        return known, True
    port = known.port if known is not None and _free(known.port) else free_port()
    ministack = _launch(python, folder, port, services)
    _wait(ministack, folder)
    return ministack, False


def free_port() -> int:
    """A port of 127.0.0.1 nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _recorded(folder: pathlib.Path) -> MiniStack | None:
    try:
        return MiniStack(**json.loads((folder / "ministack.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _launch(python: str, folder: pathlib.Path, port: int, services: str) -> MiniStack:
    mark = f"pscheduler-{uuid.uuid4()}"
    try:
        with (folder / "ministack.log").open("ab") as log:
            process = subprocess.Popen(
                [python, "-m", "ministack"],
                env={**_environment(folder, port, mark), "SERVICES": services},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is the node's to handle, not its own
            )
    except OSError as error:
        raise MiniStackTrouble(f"MiniStack cannot be run with {python}: {error.strerror}") from error
    ministack = MiniStack(port, process.pid, mark)
    # Recorded before it answers: a node killed right now leaves a MiniStack the next one finds.
    record = folder / "ministack.json.new"
    record.write_text(json.dumps(dataclasses.asdict(ministack)))
    record.replace(folder / "ministack.json")
    process.returncode = 0  # _gone() does the waiting; keeps Popen from warning that nobody does
    return ministack


def _environment(folder: pathlib.Path, port: int, mark: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "MINISTACK_EDITION": mark,  # comes back in its health answer
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder.resolve() / "ministack"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder.resolve() / "s3"),
    }


def _wait(ministack: MiniStack, folder: pathlib.Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ministack.answers():
        if _gone(ministack.pid, 0.05):
            raise MiniStackTrouble(f"MiniStack exited at startup: see {folder / 'ministack.log'}")
        if time.monotonic() > deadline:
            ministack.stop()
            raise MiniStackTrouble(f"MiniStack does not answer: see {folder / 'ministack.log'}")


def _gone(pid: int, seconds: float) -> bool:
    """Whether a process has ended, waiting up to ``seconds`` for it. It need not be our child."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not _lives(pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)  # a child whose other threads have yet to end
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # What is another's child stays listed, as a zombie, until that parent looks.
        return ") Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except OSError:  # no /proc, or another user's process under a number that was ours
        return True
