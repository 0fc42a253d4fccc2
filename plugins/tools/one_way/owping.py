"""owping: performs latency by the One-way Active Measurement Protocol, RFC 4656
(docs/contract/tools.md section 5).

The program comes with perfSONAR's owamp-client. The other end needs its server, owampd, and to be
reached by UDP.
"""

import datetime as dt
import math

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.tools.one_way import packet_records, packet_summary
from plugins.tools.one_way.owamp_options import beyond_code_points, directed, options, ports, whole
from plugins.tools.one_way.owamp_output import parse_one_way as parse

COUNT = 100
INTERVAL = 0.1
TIMEOUT = 0
PORT = 861


def declines(test: str, spec: Spec) -> list[str]:
    protocol = spec.get("protocol", "owamp")
    rules = (
        (protocol != "owamp", f"Does not speak {protocol}, only owamp"),
        (spec.get("reverse"), "Measures one way only, not the reverse"),
        (spec.get("traverse-nat"), "Sessions name their addresses, which NAT changes"),
        (beyond_code_points(spec), "Does not support ip-tos above 63"),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    """The packets, a tenth more as their spacing is random, and setting up and fetching the session."""
    count = packet_summary.setting(spec, "packet-count", COUNT)
    sending = packet_summary.setting(spec, "packet-interval", INTERVAL) * count * 11 / 10
    timeout = packet_summary.setting(spec, "packet-timeout", TIMEOUT)
    return packet_summary.planned(math.floor(sending + count / 50000 + timeout + 10 + 1))


def argv(spec: Spec, near: str | None, far: str) -> list[str]:
    """The program and its arguments, from an address here, where it matters, to one there."""
    given: list[tuple[str, JSON]] = [
        ("-D", whole(spec, "ip-tos")),
        ("-s", whole(spec, "packet-padding")),
        ("-P", ports(spec)),
        ("-c", int(spec.get("packet-count", COUNT))),
        ("-i", packet_summary.plain(packet_summary.setting(spec, "packet-interval", INTERVAL))),
        ("-L", int(spec.get("packet-timeout", TIMEOUT))),
    ]
    port = int(spec.get("ctrl-port", PORT))
    way = ["-f"] if spec.get("flip") else []
    return ["owping", "-R", *options(spec, given), *way, *directed(spec, near, far, port)]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not measure."""
    command = argv(job.spec, *packet_summary.ends(job.spec))
    job.wait_for_start()
    done = job.host.execute(command, timeout=job.duration.total_seconds())
    diags = f"{' '.join(command)}\n\n{done.stderr}"
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"owping ended with status {done.status}", diags)
    return {**packet_records.result(parse(done.stdout), job.spec), "diags": diags}


TOOL = Tool(
    name="owping",
    label="OWPing",
    description="Measure one-way latency with OWAMP, by the program owping",
    tests=("latency",),
    max_schema=4,
    programs=("owping",),
    declines=declines,
    duration=duration,
    run=run,
    merge=packet_summary.merge,
)
