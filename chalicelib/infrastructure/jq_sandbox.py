"""jq scripts, run in processes of their own: what a stranger wrote can end, freeze or read only those.

A few such processes are kept warm, each used by one caller at a time. One that takes too long, or is ended by
the system, is replaced; so is one that has done many scripts, since jq may leak. ``jq_child`` says what a
script may use; ``domain/jq_scripts.py`` what it may say.
"""

import atexit
import contextlib
import importlib.util
import json
import os
import pathlib
import queue
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from chalicelib.domain.documents import DEEPEST_REPLY, load_whole
from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import ScriptFailed, prepared
from chalicelib.domain.schemas import JSON

WALL_SECONDS = 5.0
"""How long a script may take, waiting for the processor included."""
_START_SECONDS = 20.0
_PROCESSES = 4
"""Scripts at work at a time; further ones wait for their turn."""
_SCRIPTS_PER_PROCESS = 10_000
_LENGTH = struct.Struct(">I")
_CHILD = pathlib.Path(__file__).with_name("jq_child.py")


class Sandbox:
    """Runs scripts, at most a few at a time."""

    def __init__(self, processes: int = _PROCESSES):
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(None)

    def check(self, script: str, args: Mapping[str, JSON]) -> None:
        """Raise ScriptFailed unless the script is one that may run, and compiles."""
        self._ask({"script": prepared(script), "args": args})

    def run(self, script: str, args: Mapping[str, JSON], document: JSON) -> list[JSON]:
        """All outputs of a script for a document. Raises ScriptFailed, whatever becomes of it."""
        return self._ask({"script": prepared(script), "args": args, "document": document})

    def run_all(
        self, scripts: Sequence[tuple[str, Mapping[str, JSON]]], document: JSON
    ) -> list[list[JSON] | ScriptFailed]:
        """Of each script all outputs for a document, or why there are none: one exchange for them all.

        Where one of them ends the process, or all together make too much, each is run by itself.
        """
        try:
            asked = [{"script": prepared(script), "args": args} for script, args in scripts]
            with self._child() as child:
                answer = child.ask(json.dumps({"scripts": asked, "document": document}).encode())
            if "error" not in answer:
                return [_failed(one) if "error" in one else one["outputs"] for one in answer["answers"]]
        except ScriptFailed:
            pass
        return [self._alone(script, args, document) for script, args in scripts]

    def _alone(self, script: str, args: Mapping[str, JSON], document: JSON) -> list[JSON] | ScriptFailed:
        try:
            return self.run(script, args, document)
        except ScriptFailed as error:
            return error

    def _ask(self, request: JSON) -> list[JSON]:
        with self._child() as child:
            answer = child.ask(json.dumps(request).encode())
        if "error" in answer:
            raise _failed(answer)
        outputs: list[JSON] = answer["outputs"]
        return outputs

    @contextlib.contextmanager
    def _child(self) -> Iterator["_Child"]:
        try:
            child = self._idle.get(timeout=_START_SECONDS)
        except queue.Empty:
            raise ScriptFailed("jq is busy with other scripts") from None
        try:
            if child is None or not child.is_usable():
                child = _Child()
            yield child
        finally:
            self._idle.put(child if child is not None and child.is_usable() else None)

    def close(self) -> None:
        """End the processes that are kept."""
        kept = [self._idle.get() for _ in range(self._idle.qsize())]  # all first: what is put back comes next
        for child in kept:
            if child is not None and child.is_usable():
                child.end()
            self._idle.put(None)


def _failed(answer: Mapping[str, JSON]) -> ScriptFailed:
    return ScriptFailed(answer["error"])


class _Child:
    """One process, and the conversation with it."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("jq")
        if found is None or found.origin is None:
            raise ScriptFailed("jq is not installed on this node")
        self._owner = os.getpid()
        self._process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, "-I", "-S", str(_CHILD), str(pathlib.Path(found.origin).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )
        self._scripts = 0
        os.set_blocking(self._stream(self._process.stdout).fileno(), False)
        os.set_blocking(self._stream(self._process.stdin).fileno(), False)

    def is_usable(self) -> bool:
        is_ours = self._owner == os.getpid()  # after a fork the parent talks to it
        if is_ours and self._scripts >= _SCRIPTS_PER_PROCESS:
            self.end()
        return is_ours and self._process.poll() is None and self._scripts < _SCRIPTS_PER_PROCESS

    def ask(self, request: bytes) -> dict[str, JSON]:
        """Send a request; the answer. Raises ScriptFailed, the process being gone then."""
        until = time.monotonic() + (WALL_SECONDS if self._scripts else _START_SECONDS)
        self._scripts += 1
        try:
            self._write(_LENGTH.pack(len(request)) + request, until)
            (size,) = _LENGTH.unpack(self._read(_LENGTH.size, until))
            answer: dict[str, JSON] = load_whole(self._read(size, until), "What it made", DEEPEST_REPLY)
        except TimeoutError:
            self.end()
            raise ScriptFailed(f"it took longer than {WALL_SECONDS:g} seconds") from None
        except (OSError, EOFError):
            raise ScriptFailed(self._ended()) from None
        except Invalid as error:
            raise ScriptFailed(error.message) from None
        except BaseException:
            self.end()  # half an answer may be under way
            raise
        return answer

    def _write(self, data: bytes, until: float) -> None:
        stream = self._stream(self._process.stdin).fileno()
        while data:
            self._wait(stream, until, writing=True)
            data = data[os.write(stream, data[:65536]) :]

    def _read(self, size: int, until: float) -> bytes:
        stream, read = self._stream(self._process.stdout).fileno(), bytearray()
        while len(read) < size:
            self._wait(stream, until)
            part = os.read(stream, min(size - len(read), 1 << 20))
            if not part:
                raise EOFError
            read += part
        return bytes(read)

    @staticmethod
    def _wait(stream: int, until: float, writing: bool = False) -> None:
        waiting = select.poll()  # select itself fails for descriptors over 1023
        waiting.register(stream, select.POLLOUT if writing else select.POLLIN)
        if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError

    def _ended(self) -> str:
        self.end()
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            return "it took too much of the processor's time"
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return f"jq was ended by the system ({name})"

    def end(self) -> None:
        """Make sure that the process is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2 if self._process.poll() is None and self._is_dying() else 0)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                self._stream(stream).close()

    def _is_dying(self) -> bool:
        """Whether its output has ended: it may take a moment until its status is known."""
        waiting = select.poll()
        waiting.register(self._stream(self._process.stdout).fileno(), select.POLLIN)
        return any(events & select.POLLHUP for _, events in waiting.poll(0))

    @staticmethod
    def _stream(stream: "IO[bytes] | None") -> IO[bytes]:
        assert stream is not None  # noqa: S101 - both are pipes
        return stream


SANDBOX = Sandbox()
atexit.register(SANDBOX.close)
"""The sandbox of this process; its first script starts the first child."""
