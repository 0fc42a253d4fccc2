"""Tools with two ends, tested as they run: each end in a thread, with the real program, on loopback."""

import concurrent.futures
import contextlib
import datetime as dt
import pathlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.outside.machine import Machine
from plugins.base import Completed, Job, PluginFailed, Spec, Tool
from plugins.tests.throughput import TEST
from tests.builders import seconds
from tests.plugins.jobs import FakeHost, job

LISTENING, ANY_DATAGRAMS = "0A", "07"
SHORT = {"duration": "PT1S", "link-rtt": "PT0.01S"}
"""Members of a spec that make a run as short as it can be."""


class Prompt(Machine):
    """A machine that waits for a server to listen where a client would wait long enough to be sure."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port

    def sleep_until(self, moment: dt.datetime) -> None:
        while self.now() < moment and not _is_listening(self.port):
            time.sleep(0.02)
        super().sleep_until(min(moment, self.now()))


def _is_listening(port: int) -> bool:
    return any(
        local.endswith(f":{port:04X}") and state in (LISTENING, ANY_DATAGRAMS)
        for table in ("tcp", "tcp6", "udp", "udp6")
        for local, state in _sockets(table)
    )


def _sockets(table: str) -> Iterator[tuple[str, str]]:
    try:
        lines = pathlib.Path("/proc/net", table).read_text().splitlines()[1:]
    except OSError:
        return  # not on Linux: the client then waits as long as it is told to
    for line in lines:
        _, local, _, state, *_ = line.split()
        yield local, state


def measure(tool: Tool, spec: Spec, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The local results of participants 0 and 1, who have told each other this data."""
    start = Machine().now()

    def take_part(number: int) -> dict[str, Any]:
        host = Prompt(data[1]["server_port"]) if number == 0 else Machine()
        own = Job("throughput", spec, host, start, tool.duration("throughput", spec), number, data)
        return outcome(tool, own)

    with concurrent.futures.ThreadPoolExecutor(2) as both:
        return list(both.map(take_part, (0, 1)))


def outcome(tool: Tool, own: Job) -> dict[str, Any]:
    """What a tool comes to, as the runner would store it."""
    try:
        local: dict[str, Any] = tool.run(own)
    except PluginFailed as trouble:
        return {"succeeded": False, "result": None, "error": trouble.message, "diags": trouble.diags}
    return local


def alone(tool: Tool, spec: Spec, host: Any = None) -> dict[str, Any]:
    """The merged result of a test with one participant."""
    host = host or Machine()
    own = Job("throughput", spec, host, host.now(), tool.duration("throughput", spec), 0, [{}])
    merged = tool.merge(spec, [outcome(tool, own)])
    assert merged is not None
    return dict(merged)


def checked(merged: Any) -> dict[str, Any]:
    """A merged result that is a success and valid."""
    assert merged["succeeded"], merged["error"]
    assert TEST.result_versions.problem(merged) is None
    assert merged["summary"]["summary"]["throughput-bits"] > 0
    return dict(merged)


class Programs(FakeHost):
    """A host on which each program, by its name, prints what it is told to."""

    def __init__(self, **prints: Completed | Exception):
        super().__init__()
        self.prints = prints
        self.timeouts: list[float] = []
        self.env: dict[str, str] = {}

    def execute(self, argv: Any, timeout: float, *more: Any, **named: Any) -> Completed:
        self.executed.append(list(argv))
        self.timeouts.append(timeout)
        self.env = dict(named.get("env", {}))
        found = self.prints.get(argv[0], PluginFailed(f"The program {argv[0]} cannot be started"))
        if isinstance(found, Exception):
            raise found
        return found


def end(tool: Tool, spec: Spec, host: Programs, participant: int = 0, **told: Any) -> dict[str, Any]:
    """What one end of a test comes to, on programs that only seem to run."""
    data = [{}, {"server_port": 5999, **told}]
    result: dict[str, Any] = tool.run(
        job(tool, spec, host, participant=participant, participant_data=data, duration=seconds(20))
    )
    return result


def captured(tool: str) -> list[Any]:
    folder = pathlib.Path(__file__).with_name(tool)
    return [pytest.param(path, id=path.stem) for path in sorted(folder.glob("*.json"))]


@contextlib.contextmanager
def occupied(port: int) -> Iterator[None]:
    """Somebody else's server on a port, which lets nobody in."""
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        taken.bind(("::", port))
        yield
