"""simplestreamer: sends a text from one node to another over TCP (docs/contract/tools.md section 8).

Participant 0 sends to a port that participant 1 has told; both ends are sockets in this process.
"""

import contextlib
import datetime as dt
import random
import socket
from collections.abc import Callable, Sequence
from typing import TypeVar

from chalicelib.domain.schemas import JSON, version_of
from chalicelib.domain.times import SECOND, ZERO, format_duration, format_timestamp, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections, host_lookup

TIMEOUT = 5 * SECOND
PORTS = range(5890, 5900)
KNOWS_IP_VERSION, KNOWS_PORT = 2, 3
"""The schema versions of a spec that brought these: in older ones they are members like any other."""
MOST_RECEIVED = 2**20
"""Bytes taken; a text that is longer is a failure."""
PAUSE = 0.1
"""Of the time that is left, how much to wait before another try to connect."""
SHORTEST_PAUSE = SECOND / 20
PATIENCE = 0.2
"""Seconds a wait for the other end may last before looking whether the run was cancelled."""

SENT, RECEIVED = ("dawdled", "sent"), ("received", "elapsed-time")
"""What each end finds out."""

Answer = TypeVar("Answer")
Where = tuple[str, int]


def _time(spec: Spec, name: str, default: dt.timedelta) -> dt.timedelta:
    return parse_duration(spec[name]) if name in spec else default


def declines(test: str, spec: Spec) -> list[str]:
    dawdle, timeout = _time(spec, "dawdle", ZERO), _time(spec, "timeout", TIMEOUT)
    return ["Dawdles for half the timeout at most"] if dawdle > timeout / 2 else []


def duration(test: str, spec: Spec) -> dt.timedelta:
    if "timeout" in spec:
        return _time(spec, "timeout", TIMEOUT)
    return 2 * _time(spec, "dawdle", ZERO) or TIMEOUT


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    if participant == 0:
        return {}
    port = spec.get("port") if version_of(spec) >= KNOWS_PORT else None
    return {"listen-port": int(port) if port else random.choice(PORTS)}  # noqa: S311 - guards nothing


def run(job: Job) -> JSON:
    """Raises PluginFailed where the text could not be passed on, or where that is asked for."""
    chance = random.random()  # noqa: S311 - guards nothing
    if chance < job.spec.get("fail", 0):
        raise PluginFailed("Failed on purpose", f"{chance} is below {job.spec['fail']}")
    ends = _find_ends(job.spec)
    where = (ends.dest, _told_port(job))
    # What was planned for may be less than the spec allows.
    deadline = job.start + min(_time(job.spec, "timeout", TIMEOUT), job.duration)
    if job.participant == 0:
        return _send(job, ends.source, where, deadline)
    return _receive(job, where, deadline)


def _find_ends(spec: Spec) -> host_lookup.Ends:
    """Where to send from and to, the same at both participants."""
    version = spec.get("ip-version") if version_of(spec) >= KNOWS_IP_VERSION else None
    return host_lookup.ends(spec.get("source"), spec["dest"], version)


def _told_port(job: Job) -> int:
    told = job.participant_data[1] if len(job.participant_data) == 2 else None
    port = told.get("listen-port") if isinstance(told, dict) else None
    if type(port) is not int or not 0 < port < 65536:  # True is an int as well
        raise PluginFailed("Participant 1 did not report the port it listens on")
    return port


def _socket(where: Where) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET, socket.SOCK_STREAM)


def _send(job: Job, source: str | None, where: Where, deadline: dt.datetime) -> JSON:
    job.wait_for_start()
    dawdled = random.random() * _time(job.spec, "dawdle", ZERO)  # noqa: S311 - guards nothing
    job.sleep(dawdled)
    given = job.spec.get("test-material", f"Data sent at {format_timestamp(job.host.now())}")
    material = given.encode(errors="replace")
    tries: list[str] = []
    while error := _try(source, where, material, deadline - job.host.now()):
        tries.append(f"Try {len(tries) + 1} failed: {error}")
        left = deadline - job.host.now()
        if left <= ZERO:
            raise PluginFailed(f"Could not send: {error}", "\n".join(tries))
        job.sleep(max(left * PAUSE, SHORTEST_PAUSE))
    tries.append(f"Try {len(tries) + 1} succeeded")
    sent = {"dawdled": format_duration(dawdled), "sent": material.decode()}
    return wrapped(sent, "\n".join(tries))


def _try(source: str | None, where: Where, material: bytes, left: dt.timedelta) -> str | None:
    """Connect and send; why it did not work, None when it did."""
    try:
        with _socket(where) as end:
            end.settimeout(max(PATIENCE, left / SECOND))
            if source:
                end.bind((source, 0))
            guarded_connections.connect(end, where)
            end.sendall(material)
    except OSError as error:
        return str(error)
    return None


def _receive(job: Job, where: Where, deadline: dt.datetime) -> JSON:
    diags = f"Listening on {where[0]}, port {where[1]}"
    with _socket(where) as end:
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end.bind((host_lookup.to_bind(where[0]) or "", where[1]))
            end.listen(1)
        except OSError as error:
            raise PluginFailed(f"Could not listen: {error}", diags) from error
        job.wait_for_start()
        begun = job.host.now()
        try:
            received = _take(job, end, deadline)
        except OSError as error:
            raise PluginFailed(f"Could not receive: {error}", diags) from error
    elapsed = format_duration(job.host.now() - begun)
    return wrapped({"received": received.decode(errors="replace"), "elapsed-time": elapsed}, diags)


def _take(job: Job, listener: socket.socket, deadline: dt.datetime) -> bytes:
    """All that the first to connect sends."""
    connection, _ = _patiently(job, listener, deadline, listener.accept)
    received = bytearray()
    with connection:
        while chunk := _patiently(job, connection, deadline, lambda: connection.recv(65536)):
            received += chunk
            if len(received) > MOST_RECEIVED:
                raise PluginFailed(f"More than {MOST_RECEIVED} bytes were received")
    return bytes(received)


def _patiently(job: Job, end: socket.socket, deadline: dt.datetime, work: Callable[[], Answer]) -> Answer:
    """Wait for the other end, looking now and then whether the run was cancelled or its time is up."""
    end.settimeout(PATIENCE)
    while job.host.now() < deadline:
        job.sleep(ZERO)
        with contextlib.suppress(TimeoutError):
            return work()
    raise TimeoutError("nothing arrived in time")


def merge(spec: Spec, results: Sequence[JSON]) -> Result:
    """What one end sent and the other received; both must have succeeded."""
    for number in (0, 1):
        entry = results[number] if number < len(results) else None
        known = entry if isinstance(entry, dict) else {}
        if known.get("succeeded") is not True or not isinstance(known.get("result"), dict):
            said = known.get("error") or "there is no result"
            return {"succeeded": False, "error": f"Participant {number}: {said}"}
    sent, received = results[0]["result"], results[1]["result"]
    members = {**{name: sent.get(name) for name in SENT}, **{name: received.get(name) for name in RECEIVED}}
    missing = [name for name, value in members.items() if not isinstance(value, str)]
    if missing:
        return {"succeeded": False, "error": f"There is no {' and no '.join(missing)}"}
    return {"schema": 1, "succeeded": True, **members}


TOOL = Tool(
    name="simplestreamer",
    label="Simple Streamer",
    description="Send a text over TCP between sockets of this node and another",
    tests=("simplestream",),
    max_schema=3,
    declines=declines,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge,
)
