"""qperf: performs throughput over RDMA with the program of the same name, by a reliable connection.

An addition to the contract. The server serves all that comes while it runs, whatever they ask for.
"""

import datetime as dt
import re

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import configured
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge
from plugins.tools.throughput import affinity, rdma, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, whole_seconds

NAME = PROGRAM = "qperf"
PORT = 19765
CLIENT_WAIT = 2 * SECOND
"""What the client gives the server's side to get ready after the start."""
SPARE = 6 * SECOND
"""Besides the measurement: connecting, and putting together what both ends counted."""
TRANSPORT = ("-cm1", "rc_bw")
"""What is measured: a reliable connection, made by the connection manager."""

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "ip-version", "link-rtt", "duration"),
        *("buffer-length", "reverse", "loopback", "single-ended", "single-ended-port", "udp"),
        *("client-cpu-affinity", "server-cpu-affinity"),
    )
)

_LINE = re.compile(
    r"^ +(?P<name>\w{1,40}) += +(?P<value>\d{1,30}(?:\.\d{1,9})?)(?: (?P<unit>\S{1,20}))? *$", re.MULTILINE
)


def declines(test: str, spec: Spec) -> list[str]:
    return rdma.refusals(spec)


def duration(test: str, spec: Spec) -> dt.timedelta:
    return whole_seconds(length(spec)) * SECOND + SPARE + CLIENT_WAIT


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    return {"server_port": configured.port(host, NAME, "server_port", PORT)} if participant == 1 else {}


def client_argv(spec: Spec, ends: Ends, port: int) -> list[str]:
    """With units that do not change with the figures, and all that both ends counted."""
    how, what = TRANSPORT
    return [
        *(PROGRAM, ends.dest, "-lp", str(port), "-ub", "-uu", "-vv"),
        *two_ended.options(
            [
                ("-t", whole_seconds(length(spec))),
                ("-m", spec.get("buffer-length")),
                ("-f1", bool(spec.get("reverse"))),
                (how, True),
            ]
        ),
        what,
    ]


def server_argv(port: int) -> list[str]:
    return [PROGRAM, "-lp", str(port)]


def parse(output: str) -> dict[str, JSON]:
    """The summary. Raises PluginFailed where there is no figure, or it has another unit than asked for."""
    found = {match["name"]: (float(match["value"]), match["unit"]) for match in _LINE.finditer(output)}
    sent, received = (found.get(name, found.get("bw")) for name in ("send_bw", "recv_bw"))
    time, unit = found.get("time", (0.0, None))
    if sent is None or sent[1] != "bits/sec" or unit != "ns":
        raise PluginFailed("qperf printed no figures", output)
    taken = dt.timedelta(microseconds=time / 1000)
    size = found.get("send_bytes", (sent[0] / 8 * taken.total_seconds(), None))[0]
    return rdma.measurement(sent[0], size, taken, received[0] if received else None)


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _client(job: Job, told: Told) -> JSON:
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    argv = client_argv(spec, ends, told["server_port"])
    command, note = affinity.pinned_client(job, NAME, argv, ends)
    return two_ended.measure(job, command, CLIENT_WAIT, length(spec) + SPARE, parse, note)


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    """A server for as long as the test lasts; one whose client never comes is for the client to explain."""
    argv, ends = server_argv(told["server_port"]), two_ended.find_ends(job.spec)
    command, note = affinity.pinned_server(job, NAME, argv, ends)
    return two_ended.serve(job, command, CLIENT_WAIT + length(job.spec) + SPARE, unwanted, note=note)


TOOL = Tool(
    name=NAME,
    label="QPerf",
    description="Measure throughput over RDMA with qperf",
    tests=("throughput",),
    preference=-10,
    max_schema=7,
    keys=KEYS,
    needs=lambda: rdma.needs(NAME, PROGRAM),
    declines=declines,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge,
)
