"""Whole nodes for tests: real processes on loopback, each with a state of its own.

They run on the embedded engine, or on what ENGINE names.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.permissions.recording import node_module

HERE = pathlib.Path(__file__).resolve().parent.parent.parent
PROCESSES = [f"--processes={number}"] if (number := os.environ.get("NODE_PROCESSES")) else []
"""Of a node, if not as many as it has by itself."""


@dataclasses.dataclass
class Node:
    """A node that was started; ``base`` is its API's root."""

    process: "subprocess.Popen[bytes]"
    port: int
    state: pathlib.Path
    address: str = "127.0.0.1"
    tls: bool = False

    @property
    def base(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}/pscheduler"

    def _trust(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.state / "authority.pem") if self.tls else None

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60) -> tuple[int, Any]:
        """(status, JSON or text) of a request; ``path`` may be a whole href."""
        url = path if path.startswith("http") else f"{self.base}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=self._trust()) as answer:
                return answer.status, _value(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _value(error)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def freeze(self) -> None:
        """Have it accept connections and never answer."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def _value(answer: Any) -> Any:
    text = answer.read().decode()
    return json.loads(text) if answer.headers.get_content_type() == "application/json" else text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    state: pathlib.Path, port: int, *options: str, address: str = "127.0.0.1", **variables: str
) -> Node:
    """Start a node, with these variables in its environment, and wait until it answers."""
    where = ["--address", address, "--port", str(port), "--state", str(state)]
    engine = os.environ.get("ENGINE", "sqlite")
    command = [sys.executable, "-m", node_module(), *where, "--no-first", "--engine", engine, *PROCESSES]
    log = (state.parent / f"{state.name}.out").open("ab")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PSCHEDULER_"))
    }
    environment |= {"PSCHEDULER_TOOL_SETTINGS": os.devnull, **variables}
    with log:
        process = subprocess.Popen(
            [*command, *options], cwd=HERE, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    node = Node(process, port, state, address, "--tls" in options)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            if node.ask("GET", "/", timeout=5)[0] == 200:
                return node
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"the node did not start: {pathlib.Path(log.name).read_text()}")


@contextlib.contextmanager
def serving(state: pathlib.Path, *options: str) -> Iterator[Node]:
    """A node, for as long as it is needed."""
    node = start(state, free_port(), *options)
    try:
        yield node
    finally:
        node.stop()
