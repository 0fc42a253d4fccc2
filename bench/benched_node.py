"""A node of its own for the benchmarks: started, used, stopped, and its folder thrown away."""

import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 60.0
PROCESSES = [f"--processes={number}"] if (number := os.environ.get("NODE_PROCESSES")) else []
"""Of a node, if not as many as it has by itself."""


@dataclasses.dataclass(frozen=True)
class Served:
    """A node that runs: its API's root, its process, its state, and the seconds until it served."""

    base: str
    pid: int
    state: pathlib.Path
    began: float

    def processes(self) -> list[int]:
        """The node, and what it started: MiniStack is in a session of its own, but its child."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [self.pid, *map(int, children)]

    def used(self) -> float:
        """Seconds of the processor so far."""
        ticks = 0
        for pid in self.processes():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve a fresh node; yields the API's root."""
    with start("127.0.0.1", free_port(), {}) as served:
        yield served.base


@contextlib.contextmanager
def start(
    address: str,
    port: int,
    variables: Mapping[str, str],
    engine: str = "sqlite",
    kept: pathlib.Path | None = None,
) -> Iterator[Served]:
    """Serve a node, fresh unless its state is kept, with these variables in its environment besides ours."""
    with tempfile.TemporaryDirectory(prefix="bench-") as fresh:
        state = str(kept or fresh)
        where = ["--address", address, "--port", str(port), "--state", state]
        how = ["--no-first", "--engine", engine, *PROCESSES]
        command = [sys.executable, "-m", "local.node", *where, *how]
        environment = {**os.environ, **variables}
        began = time.monotonic()
        with subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, env=environment) as process:
            try:
                base = f"http://{address}:{port}/pscheduler"
                _wait(base, process)
                yield Served(base, process.pid, pathlib.Path(state), time.monotonic() - began)
            finally:
                process.terminate()
                process.wait(30)


class Restartable:
    """A node on one port and one folder, to be killed and started again."""

    def __init__(self, state: pathlib.Path):
        self._port = free_port()
        self._state = state
        self.base = f"http://127.0.0.1:{self._port}/pscheduler"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        where = ["--port", str(self._port), "--state", str(self._state)]
        command = [sys.executable, "-m", "local.node", *where, "--no-first", *PROCESSES]
        self._process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL)
        _wait(self.base, self._process)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def _end(self, how: "Callable[[subprocess.Popen[bytes]], None]") -> None:
        if self._process is not None:
            how(self._process)
            self._process.wait(30)


@contextlib.contextmanager
def restartable() -> Iterator[Restartable]:
    """A fresh node that may be killed and started again meanwhile."""
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        node = Restartable(pathlib.Path(state))
        node.start()
        try:
            yield node
        finally:
            node.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def post(base: str, path: str, body: Any) -> str:
    """Post a JSON document; the href that comes back."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{base}{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        href: str = json.load(answer)
        return href


def peering(port: int) -> dict[str, str]:
    """The variables of nodes that share this port on addresses of their own, and speak HTTP to each other."""
    return {"PSCHEDULER_PEER_SCHEME": "http", "PSCHEDULER_PEER_PORT": str(port)}


def detail(task: str) -> dict[str, Any]:
    """What a task, given by its href, says of itself."""
    with urllib.request.urlopen(f"{task}?detail=1", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)["detail"]
        return found


def delete(task: str) -> None:
    """Cancel a task, given by its href."""
    urllib.request.urlopen(urllib.request.Request(task, method="DELETE"), timeout=30).close()


def _wait(base: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"The node ended with status {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/", timeout=5):
            return
        time.sleep(0.02)
    raise SystemExit(f"The node did not answer within {PATIENCE:.0f} s")
