"""The node that is attacked: a process of its own on a folder of its own, to be killed and started again."""

import contextlib
import http.client
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time
import urllib.parse
from typing import Any

from bench.benched_node import HERE, PATIENCE, free_port


class Victim:
    """A node on loopback. ``start`` it, ``kill`` it, start it again; ``stop`` ends it as an operator does."""

    def __init__(self, state: pathlib.Path):
        self.state, self.port = state, free_port()
        self.base = f"http://127.0.0.1:{self.port}/pscheduler"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "local.node", "--no-first", "--port", str(self.port)]
        command += ["--state", str(self.state)]
        quiet = {**os.environ, "PSCHEDULER_PEER_SCHEME": "http"}
        self._process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL, env=quiet)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise SystemExit(f"The node ended with status {self._process.returncode}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/")[0] == 200:
                    return
            time.sleep(0.1)
        raise SystemExit(f"The node did not answer within {PATIENCE:.0f} s")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)

    def memory(self) -> float:
        """Megabytes resident now, and at most so far."""
        assert self._process is not None
        return _status(self._process.pid, "VmRSS")

    def descriptors(self) -> int:
        assert self._process is not None
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def log_size(self) -> float:
        """Megabytes of the log."""
        return sum(file.stat().st_size for file in self.state.glob("node.log*")) / 2**20

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60) -> tuple[int, Any]:
        """(status, JSON or text) of a request on a connection of its own."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            content = None if body is None else json.dumps(body).encode()
            link.request(method, f"/pscheduler{path}", content)
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text.decode(errors="replace")

    def path_of(self, href: str) -> str:
        return urllib.parse.urlsplit(href).path.removeprefix("/pscheduler")


def _status(pid: int, member: str) -> float:
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{member}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def allow_many_descriptors() -> None:
    """Let this process hold as many connections as the attack takes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
