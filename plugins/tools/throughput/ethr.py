"""ethr: performs throughput with Microsoft's program of the same name (docs/contract/tools.md section 4).

Version 1 does not talk to those before, which perfSONAR packages as ``ethr0``: the ends use that where
one of them has nothing newer. The output, read in ``ethr_output.py``, is alike.
"""

import datetime as dt
import functools
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job
from plugins.sdk.programs import is_installed
from plugins.sdk.tool import Tool
from plugins.support import configured, host_lookup
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge
from plugins.tools.throughput import ethr_output, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, member, set_up, whole_seconds

PORT = 5201
DATA_SCHEMA = 4
CLIENT_WAIT = 3 * SECOND
"""What the client gives the server's side to get ready after the start."""
NEW, OLD = "ethr", "ethr0"

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "local-address", "ip-version", "link-rtt"),
        *("duration", "omit", "parallel", "bandwidth", "buffer-length", "ip-tos", "udp", "reverse"),
        *("loopback", "single-ended", "single-ended-port"),
    )
)


def needs() -> list[str]:
    missing = configured.missing(NEW, NEW)
    return [] if is_installed(OLD) else missing


def _omit(spec: Spec) -> int:
    """In whole seconds, as ethr counts."""
    omitted = member(spec, "omit", ZERO)
    return whole_seconds(omitted) if omitted else 0


def _sending(spec: Spec) -> dt.timedelta:
    return (whole_seconds(length(spec)) + _omit(spec)) * SECOND


def duration(test: str, spec: Spec) -> dt.timedelta:
    return set_up(spec) + _sending(spec) + CLIENT_WAIT + 2 * SECOND


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    is_new = not configured.missing(NEW, NEW, host)
    version = {"schema": DATA_SCHEMA, "ethr_major_version": 1} if is_new else {}
    port = {"server_port": configured.port(host, NEW, "server_port", PORT)} if participant == 1 else {}
    return {**version, **port}


def program(data: Sequence[JSON]) -> str:
    """The program that all participants have."""
    versions = [entry.get("ethr_major_version", 0) if isinstance(entry, dict) else 0 for entry in data]
    return NEW if all(isinstance(version, int) and version >= 1 for version in versions) else OLD


def client_argv(name: str, spec: Spec, ends: Ends, port: int) -> list[str]:
    protocol = "udp" if spec.get("udp") else "tcp"
    seconds = _sending(spec) // SECOND
    common = [("-l", spec.get("buffer-length")), ("-r", spec.get("reverse"))]
    own = {
        NEW: [
            ("-port", port),
            ("-ip", ends.source),
            ("-b", spec.get("bandwidth")),
            ("-n", spec.get("parallel", 1)),
            ("-tos", spec.get("ip-tos")),
        ],
        OLD: [("-ports", f"{protocol}={port}"), ("-n", spec.get("parallel"))],
    }
    always = ["-no", f"-{ends.version}", "-t", "b", "-c", ends.dest, "-d", f"{seconds}s", "-p", protocol]
    return [name, *always, *two_ended.options([*own[name], *common])]


def server_argv(name: str, spec: Spec, ends: Ends, port: int) -> list[str]:
    protocol = "udp" if spec.get("udp") else "tcp"
    bound = two_ended.options([("-ip", host_lookup.to_bind(ends.dest))])
    where = {NEW: ["-port", str(port), *bound], OLD: ["-ports", f"{protocol}={port}"]}
    return [name, "-no", f"-{ends.version}", "-s", *where[name]]


def _located(argv: list[str]) -> list[str]:
    return configured.command(NEW, argv) if argv[0] == NEW else argv


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _client(job: Job, told: Told) -> JSON:
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    command = _located(client_argv(program(job.participant_data), spec, ends, told["server_port"]))
    parse = functools.partial(ethr_output.parse, omit=_omit(spec))
    return two_ended.measure(job, command, CLIENT_WAIT, _sending(spec) + set_up(spec), parse)


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    """A server until the client must be done: it never ends by itself, unless it cannot listen."""
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    command = _located(server_argv(program(job.participant_data), spec, ends, told["server_port"]))
    return two_ended.serve(job, command, CLIENT_WAIT + _sending(spec) + set_up(spec), unwanted)


TOOL = Tool(
    name="ethr",
    description="Measure throughput with ethr",
    tests=("throughput",),
    preference=-10,
    max_schema=7,
    keys=KEYS,
    needs=needs,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge,
)
