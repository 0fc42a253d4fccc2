"""iperf2: performs throughput with the program iperf, version 2 (docs/contract/tools.md section 4).

Its output is read in ``iperf2_output.py``.
"""

import datetime as dt

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import configured
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge
from plugins.tools.throughput import iperf2_output, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, set_up, whole_seconds

NAME, PROGRAM = "iperf2", "iperf"
PORT = 5001
CLIENT_WAIT = SECOND
"""What the client gives the server's side to get ready after the start."""

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "local-address", "ip-version", "link-rtt"),
        *("duration", "interval", "parallel", "window-size", "bandwidth", "fq-rate", "buffer-length"),
        *("congestion", "udp", "loopback", "single-ended", "single-ended-port"),
    )
)


def needs() -> list[str]:
    return configured.missing(NAME, PROGRAM)


def declines(test: str, spec: Spec) -> list[str]:
    unlimited = "bandwidth" in spec and not spec.get("udp")
    return ["Limits bandwidth with UDP only"] if unlimited else []


def duration(test: str, spec: Spec) -> dt.timedelta:
    return set_up(spec) + length(spec) + CLIENT_WAIT + SECOND


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    return {"server_port": configured.port(host, NAME, "server_port", PORT)} if participant == 1 else {}


def client_argv(spec: Spec, ends: Ends, port: int) -> list[str]:
    return [
        *(PROGRAM, "-e", "--format", "b", "-p", str(port), *_family(ends)),
        *two_ended.options(
            [
                ("-c", ends.dest),
                ("-t", whole_seconds(length(spec))),
                ("-m", True),
                ("-u", spec.get("udp")),
                ("-i", two_ended.interval(spec)),
                ("-P", spec.get("parallel")),
                ("-w", spec.get("window-size")),
                ("-b", spec.get("bandwidth")),
                ("--fq-rate", spec.get("fq-rate")),
                ("-l", spec.get("buffer-length")),
                ("-B", ends.source),
                ("-Z", spec.get("congestion")),
            ]
        ),
    ]


def server_argv(spec: Spec, ends: Ends, port: int) -> list[str]:
    return [PROGRAM, "-s", "-p", str(port), *_family(ends), *(["-u"] if spec.get("udp") else [])]


def _family(ends: Ends) -> list[str]:
    return ["-V"] if ends.version == 6 else []


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _client(job: Job, told: Told) -> JSON:
    spec = job.spec
    argv = client_argv(spec, two_ended.find_ends(spec), told["server_port"])
    command = configured.command(NAME, argv)
    job.wait_for_start()
    job.sleep(CLIENT_WAIT)
    done = job.host.execute(command, (duration(job.test, spec) - CLIENT_WAIT).total_seconds())
    diags = two_ended.describe(command, done)
    # A refused connection ends it with status 0, and words on stderr.
    if done.status != 0 or done.stderr.strip():
        raise PluginFailed(two_ended.complaint(command, done), diags)
    return two_ended.read(iperf2_output.parse, done.stdout, diags)


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    """A server until the client must be done: it never ends by itself, unless it cannot listen."""
    spec = job.spec
    argv = server_argv(spec, two_ended.find_ends(spec), told["server_port"])
    command = configured.command(NAME, argv)
    return two_ended.serve(job, command, CLIENT_WAIT + length(spec) + set_up(spec), unwanted)


TOOL = Tool(
    name=NAME,
    label="iperf 2",
    description="Measure throughput with iperf 2",
    tests=("throughput",),
    max_schema=7,
    keys=KEYS,
    needs=needs,
    declines=declines,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge,
)
