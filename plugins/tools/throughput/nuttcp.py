"""nuttcp: performs throughput with the program of the same name (docs/contract/tools.md section 4).

Its output is read in ``nuttcp_output.py``. Version 6, which some systems still have, does without the
jitter of UDP, and without bursts.
"""

import datetime as dt
import re

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job
from plugins.sdk.tool import Tool
from plugins.support import configured
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge
from plugins.tools.throughput import affinity, nuttcp_output, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, whole_seconds

NAME = PROGRAM = "nuttcp"
PORT = 5001
DATA_PORT = 5101
"""The first of the ports for data, one a stream."""
CLIENT_WAIT = 2 * SECOND
"""What the client gives the server's side to get ready after the start."""
SPARE = 4 * SECOND
KNOWS_JITTER = 7
"""The first version that knows the option."""

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "ip-version", "duration", "interval"),
        *("bandwidth", "bandwidth-strict", "burst-size", "buffer-length", "window-size", "mss", "parallel"),
        *("ip-tos", "udp", "reverse", "reverse-connections", "single-ended", "single-ended-port"),
        *("client-cpu-affinity", "server-cpu-affinity", "loopback"),
    )
)


def needs() -> list[str]:
    return configured.missing(NAME, PROGRAM)


def duration(test: str, spec: Spec) -> dt.timedelta:
    return length(spec) + SPARE + CLIENT_WAIT


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    ports = {"server_port": PORT, "data_port_start": DATA_PORT} if participant == 1 else {}
    return {name: configured.port(host, NAME, name, usual) for name, usual in ports.items()}


def client_argv(spec: Spec, ends: Ends, told: Told, version: int) -> list[str]:
    """``version`` is the major one of the program."""
    window, tos = spec.get("window-size"), spec.get("ip-tos")
    return [
        *(PROGRAM, *_ports(told), f"-{ends.version}"),
        *two_ended.options(
            [
                ("-T", whole_seconds(length(spec))),
                ("-i", two_ended.interval(spec)),
                ("-N", spec.get("parallel")),
                ("-w", max(1, round(window / 1024)) if window is not None else None),  # in KB
                ("-M", spec.get("mss")),
                ("-u", spec.get("udp")),
                ("-j", bool(spec.get("udp")) and version >= KNOWS_JITTER),
                ("-l", spec.get("buffer-length")),
                ("-c", f"{int(tos)}T" if tos is not None else None),
                *_direction(spec),
            ]
        ),
        *_rate(spec),
        ends.dest,
    ]


def _ports(told: Told) -> list[str]:
    return ["-p", str(told.get("data_port_start", DATA_PORT)), "-P", str(told["server_port"])]


def _direction(spec: Spec) -> list[tuple[str, bool]]:
    """With -r the server sends. The sender makes the connections, unless -F turns that round."""
    reverse, from_dest = bool(spec.get("reverse")), bool(spec.get("reverse-connections"))
    return [("-r", reverse), ("-F", reverse != from_dest)]


def _rate(spec: Spec) -> list[str]:
    """In Kbit/s; strict rates are kept from packet to packet, or from burst to burst."""
    bandwidth, burst = spec.get("bandwidth"), spec.get("burst-size")
    if bandwidth is None and burst is None:
        return []
    kilobits = "0.0" if bandwidth is None else str(max(1, int(bandwidth) // 1000))
    strictly = "i" if spec.get("bandwidth-strict") or burst is not None else ""
    return [f"-R{strictly}{kilobits}{f'/{int(burst)}' if burst is not None else ''}"]


def server_argv(ends: Ends, told: Told) -> list[str]:
    """A server for one client."""
    return [PROGRAM, "-S", "-1", "--nofork", *_ports(told), f"-{ends.version}"]


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _client(job: Job, told: Told) -> JSON:
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    version = _ask_version(job.host) if spec.get("udp") else KNOWS_JITTER
    command, note = affinity.pinned_client(job, NAME, client_argv(spec, ends, told, version), ends)
    return two_ended.measure(job, command, CLIENT_WAIT, length(spec) + SPARE, nuttcp_output.parse, note)


def _ask_version(host: Host) -> int:
    done = host.execute(configured.command(NAME, [PROGRAM, "-V"]), timeout=5)
    found = re.search(r"nuttcp-(\d{1,4})", done.stdout)
    return int(found[1]) if found else 0


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    """A server until its client has left; one that never comes is for the client to explain."""
    ends = two_ended.find_ends(job.spec)
    command, note = affinity.pinned_server(job, NAME, server_argv(ends, told), ends)
    time = CLIENT_WAIT + length(job.spec) + SPARE
    return two_ended.serve(job, command, time, unwanted, ends_itself=True, note=note)


TOOL = Tool(
    name=NAME,
    label="Nuttcp",
    description="Measure throughput with nuttcp",
    tests=("throughput",),
    preference=5,
    max_schema=7,
    keys=KEYS,
    needs=needs,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge,
)
