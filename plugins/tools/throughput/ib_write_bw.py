"""ib-write-bw: performs throughput by writing into another host's memory, with the program ib_write_bw.

An addition to the contract. The program is of perftest, 4.5 or later. Both ends have to be told the same; a
server is for one client.
"""

import datetime as dt
import functools
import re

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import configured, host_lookup
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge
from plugins.tools.throughput import affinity, rdma, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, whole_seconds

NAME, PROGRAM = "ib-write-bw", "ib_write_bw"
PORT = 18515
CLIENT_WAIT = 3 * SECOND
"""What the client gives the server's side to get ready after the start."""
MARGIN = 2 * SECOND
"""What the program leaves out of its figures at the beginning and at the end."""
SPARE = 6 * SECOND
"""Besides the measurement: registering memory and connecting."""

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "ip-version", "link-rtt", "duration"),
        *("buffer-length", "parallel", "ip-tos", "reverse", "loopback", "udp"),
        *("client-cpu-affinity", "server-cpu-affinity"),
    )
)

_HEADINGS = re.compile(
    r"^ *#bytes +#iterations +BW peak\[(?P<unit>[^\]]{1,20})\] +BW average\[", re.MULTILINE
)
_NUMBER = r"(\d{1,20}(?:\.\d{1,9})?)"
_ROW = re.compile(rf"^ *(\d{{1,12}}) +(\d{{1,18}}) +{_NUMBER}\s+{_NUMBER}\s", re.MULTILINE)
_BITS = {"Gb/sec": 10**9, "MB/sec": 8 * 2**20, "MiB/sec": 8 * 2**20}
"""Bits a second in each unit; what older versions call MB is MiB."""


def declines(test: str, spec: Spec) -> list[str]:
    old = ["Measures over IPv4 only"] if spec.get("ip-version") == 6 else []
    return [*rdma.refusals(spec), *old]


def _measured(spec: Spec) -> dt.timedelta:
    return whole_seconds(length(spec)) * SECOND


def _running(spec: Spec) -> dt.timedelta:
    return _measured(spec) + 2 * MARGIN


def duration(test: str, spec: Spec) -> dt.timedelta:
    return CLIENT_WAIT + _running(spec) + SPARE


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    return {"server_port": configured.port(host, NAME, "server_port", PORT)} if participant == 1 else {}


def argv(spec: Spec, port: int, dest: str | None = None) -> list[str]:
    """The program and its arguments, as a client of ``dest``, or as a server."""
    return [
        *(PROGRAM, "-R", "-F", "--report_gbits", "-p", str(port), "-D", str(whole_seconds(_running(spec)))),
        *two_ended.options(
            [
                ("-s", spec.get("buffer-length")),
                ("-q", spec.get("parallel")),
                ("-T", spec.get("ip-tos")),
                ("--reversed", bool(spec.get("reverse"))),
            ]
        ),
        *([dest] if dest else []),
    ]


def parse(output: str, time: dt.timedelta) -> dict[str, JSON]:
    """The summary of a measurement that took so long. Raises PluginFailed where there is no figure."""
    headings = _HEADINGS.search(output)
    rows = _ROW.findall(output, headings.end()) if headings else []
    if not headings or not rows or headings[1] not in _BITS:
        raise PluginFailed("ib_write_bw printed no figures", output)
    bits = float(rows[-1][3]) * _BITS[headings[1]]
    return rdma.measurement(bits, bits / 8 * time.total_seconds(), time)


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _ends(spec: Spec) -> Ends:
    return host_lookup.ends(spec.get("source"), spec["dest"], 4)


def _client(job: Job, told: Told) -> JSON:
    spec, ends = job.spec, _ends(job.spec)
    words = argv(spec, told["server_port"], ends.dest)
    command, note = affinity.pinned_client(job, NAME, words, ends)
    figures = functools.partial(parse, time=_measured(spec))
    return two_ended.measure(job, command, CLIENT_WAIT, _running(spec) + SPARE, figures, note)


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    """A server until its client has left; one that never comes is for the client to explain."""
    words = argv(job.spec, told["server_port"])
    command, note = affinity.pinned_server(job, NAME, words, _ends(job.spec))
    time = CLIENT_WAIT + _running(job.spec) + SPARE
    return two_ended.serve(job, command, time, unwanted, ends_itself=True, note=note)


TOOL = Tool(
    name=NAME,
    label="IB Write BW",
    description="Measure throughput over RDMA with ib_write_bw",
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
