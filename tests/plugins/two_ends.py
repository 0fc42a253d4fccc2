"""Tools with two ends, tested as they run: each end in a thread, with the real program, on loopback."""

import concurrent.futures
import contextlib
import datetime as dt
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Completed, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.tests.throughput import TEST
from tests.builders import seconds
from tests.plugins.jobs import FakeHost, job

LISTENING, ANY_DATAGRAMS = "0A", "07"
SHORT = {"duration": "PT1S"}
"""What makes a run as short as it can be, and leaves it time to spare on a slow machine."""
GENTLE = {"bandwidth": 100_000_000}
"""What keeps a measurement on loopback from taking the processor for as long as it lasts."""


class Prompt(Machine):
    """A machine that waits for a server to listen where a client would wait long enough to be sure."""

    def __init__(self, port: int):
        super().__init__()
        self.port = port

    def sleep_until(self, moment: dt.datetime) -> None:
        while self.now() < moment and not _is_listening(self.port):
            time.sleep(0.05)
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


class Hasty(Machine):
    """A machine whose time is up as soon as somebody says so."""

    def __init__(self) -> None:
        super().__init__()
        self.hurry = threading.Event()

    def now(self) -> dt.datetime:
        return super().now() + seconds(3600) * self.hurry.is_set()


def measure(
    tool: Tool, spec: Spec, data: list[dict[str, Any]], endless: bool = False
) -> list[dict[str, Any]]:
    """The local results of participants 0 and 1, who have told each other this data.

    A server that is ``endless`` is told that its time is up when the client is done.
    """
    hosts = (Prompt(data[1]["server_port"]), Hasty())
    start, planned = hosts[0].now(), tool.duration("throughput", spec)

    def take_part(number: int) -> dict[str, Any]:
        own = Job("throughput", spec, hosts[number], start, planned, number, data)
        return outcome(tool, own)

    with concurrent.futures.ThreadPoolExecutor(2) as both:
        ends = [both.submit(take_part, number) for number in (0, 1)]
        client = ends[0].result()
        if endless:
            hosts[1].hurry.set()
        return [client, ends[1].result()]


def outcome(tool: Tool, own: Job) -> dict[str, Any]:
    """What a tool comes to, as the runner would store it."""
    try:
        local: dict[str, Any] = tool.run(own)
    except PluginFailed as error:
        return {"succeeded": False, "result": None, "error": error.message, "diags": error.diags}
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
    with socket.socket() as taken:
        taken.bind(("", port))
        yield


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
