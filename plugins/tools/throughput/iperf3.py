"""iperf3: performs throughput with the program of the same name (docs/contract/tools.md section 4).

Its JSON is read in ``iperf3_output.py``; ``iperf3_keys.py`` has what keeps strangers off a server.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Completed, Host, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import configured, host_lookup
from plugins.support.host_lookup import Ends
from plugins.support.result_merge import merge_by_sender
from plugins.tools.throughput import affinity, iperf3_keys, iperf3_output, two_ended
from plugins.tools.throughput.two_ended import Told, Unwanted, length, member, set_up, whole_seconds

NAME = PROGRAM = "iperf3"
PORT = 5201
DATA_SCHEMA = 3
CLIENT_WAIT = 3 * SECOND
"""What the client gives the server's side to get ready after the start, at most."""
AGAIN = SECOND / 4
"""Time from one attempt to reach a server that is not there yet to the next."""
NOBODY_YET = "unable to connect to server"
OTHER_PADDING = (3, 17)
"""The version that changed how a password is padded before it is encrypted."""

KEYS = frozenset(
    (
        *("schema", "source", "source-node", "dest", "dest-node", "local-address", "ip-version", "link-rtt"),
        *("duration", "interval", "omit", "parallel", "window-size", "mss", "buffer-length", "bandwidth"),
        *("fq-rate", "udp", "ip-tos", "congestion", "zero-copy", "flow-label", "reverse", "loopback"),
        *("single-ended", "single-ended-port", "client-cpu-affinity", "server-cpu-affinity"),
    )
)


def needs() -> list[str]:
    return configured.missing(NAME, PROGRAM)


def declines(test: str, spec: Spec) -> list[str]:
    both = "bandwidth" in spec and "fq-rate" in spec
    return ["Cannot limit bandwidth and fq-rate at the same time"] if both else []


def _sending(spec: Spec) -> dt.timedelta:
    return length(spec) + member(spec, "omit", ZERO)


def client_wait(spec: Spec) -> dt.timedelta:
    """When the client first tries: servers of the reference wait for it only as long as the test lasts."""
    return min(CLIENT_WAIT, length(spec) / 2)


def duration(test: str, spec: Spec) -> dt.timedelta:
    return set_up(spec) + _sending(spec) + CLIENT_WAIT + 2 * SECOND


def participant_data(participant: int, spec: Spec, host: Host) -> dict[str, JSON]:
    """The version of the program, which decides how passwords are padded, and the server's port and keys."""
    version, features = _ask_version(host)
    told: dict[str, JSON] = {"schema": DATA_SCHEMA, **({"iperf3-version": version} if version else {})}
    if participant == 0:
        return told
    auth = iperf3_keys.make() if "authentication" in features else None
    port = configured.port(host, NAME, "server_port", PORT)
    return {**told, "server_port": port, **({"_auth": auth} if auth else {})}


def _ask_version(host: Host) -> tuple[str, str]:
    """The version of the program and the features it names, empty where it does not say."""
    try:
        printed = host.execute(configured.command(NAME, [PROGRAM, "--version"], host), timeout=5).stdout
    except PluginFailed:
        return "", ""
    version = re.search(r"^iperf (\d{1,9}(?:\.\d{1,9})*)", printed)
    features = re.search(r"^Optional features available: (.*)$", printed, re.MULTILINE)
    return version[1] if version else "", features[1] if features else ""


def client_argv(spec: Spec, ends: Ends, port: int) -> list[str]:
    return [
        *(PROGRAM, "--json", "-p", str(port), f"-{ends.version}"),
        *two_ended.options(
            [
                ("-B", ends.source),
                ("-c", ends.dest),
                ("-t", whole_seconds(length(spec))),
                ("-i", two_ended.interval(spec)),
                ("-P", spec.get("parallel")),
                ("-w", spec.get("window-size")),
                ("-M", spec.get("mss")),
                ("-O", whole_seconds(member(spec, "omit", ZERO)) if member(spec, "omit", ZERO) else None),
                ("-b", spec.get("bandwidth")),
                ("--fq-rate", spec.get("fq-rate")),
                ("-u", spec.get("udp")),
                ("-l", spec.get("buffer-length")),
                ("-S", spec.get("ip-tos")),
                ("-C", spec.get("congestion")),
                ("-Z", spec.get("zero-copy")),
                ("-L", spec.get("flow-label")),
                ("-R", spec.get("reverse")),
            ]
        ),
    ]


def server_argv(spec: Spec, ends: Ends, port: int) -> list[str]:
    """A server for one client, which must come in time."""
    patience = whole_seconds(CLIENT_WAIT + set_up(spec))
    return [
        *(PROGRAM, "--json", "-p", str(port), f"-{ends.version}"),
        *("-s", "-1", "--idle-timeout", str(patience)),
        *two_ended.options([("-B", host_lookup.to_bind(ends.dest))]),
    ]


def old_padding(own: JSON, others: JSON) -> list[str]:
    """What makes a newer program pad as an older one at the other end does."""
    mine, peers = _parts(own), _parts(others)
    return ["--use-pkcs1-padding"] if mine >= OTHER_PADDING > peers else []


def _parts(told: JSON) -> tuple[int, ...]:
    """The version a participant told, (0,) where it told none."""
    text = told.get("iperf3-version") if isinstance(told, dict) else None
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})*", text):
        return (0,)
    return tuple(int(part) for part in text.split("."))


def run(job: Job) -> JSON:
    """Raises PluginFailed where this end could not do its part."""
    return two_ended.perform(job, PORT, _client, _server)


def _client(job: Job, told: Told) -> JSON:
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    auth = told.get("_auth")
    with iperf3_keys.client_files(auth) as (arguments, env):
        padding = old_padding(job.participant_data[0], told) if auth else []
        argv = [*client_argv(spec, ends, told["server_port"]), *padding, *arguments]
        command, note = affinity.pinned_client(job, NAME, argv, ends)
        job.wait_for_start()
        done = _measured(job, command, env)
    return _result(command, done, note)


def _measured(job: Job, command: Sequence[str], env: Mapping[str, str]) -> Completed:
    """Run the client, and again while its server is not there yet, which may take ``CLIENT_WAIT``."""
    spec = job.spec
    latest = job.host.now() + CLIENT_WAIT
    limit = (_sending(spec) + set_up(spec)).total_seconds()
    job.sleep(client_wait(spec))
    while True:
        done = job.host.execute(command, limit, env=env)
        if NOBODY_YET not in done.stdout or job.host.now() + AGAIN > latest:
            return done
        job.sleep(AGAIN)


def _server(job: Job, told: Told, unwanted: Unwanted) -> JSON:
    spec, ends = job.spec, two_ended.find_ends(job.spec)
    client = job.participant_data[0] if job.participant_data else None
    auth = told.get("_auth") if _understands_auth(client) else None
    with iperf3_keys.server_files(auth) as arguments:
        padding = old_padding(told, client) if auth else []
        argv = [*server_argv(spec, ends, told["server_port"]), *padding, *arguments]
        command, note = affinity.pinned_server(job, NAME, argv, ends)
        job.wait_for_start()
        limit = (CLIENT_WAIT + _sending(spec) + set_up(spec)).total_seconds()
        done = job.host.execute(command, limit, until=unwanted)
    return two_ended.result({}, note) if done.stopped else _result(command, done, note)


def _understands_auth(client: JSON) -> bool:
    schema = client.get("schema") if isinstance(client, dict) else None
    return isinstance(schema, int) and schema >= 2


def _result(command: Sequence[str], done: Completed, note: str) -> dict[str, JSON]:
    printed = iperf3_output.redacted(done.stdout)
    diags = f"{note}{' '.join(command)}\n\n{printed}{done.stderr}"
    if "{" not in done.stdout:
        raise PluginFailed(two_ended.complaint(command, done), diags)
    return two_ended.read(iperf3_output.parse, done.stdout, diags)


TOOL = Tool(
    name=NAME,
    label="iperf 3",
    description="Measure throughput with iperf3",
    tests=("throughput",),
    preference=10,
    max_schema=7,
    keys=KEYS,
    needs=needs,
    declines=declines,
    duration=duration,
    participant_data=participant_data,
    run=run,
    merge=merge_by_sender,
)
