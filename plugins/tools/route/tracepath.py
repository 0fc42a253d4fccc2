"""tracepath: performs trace with the program of the same name, of iputils
(docs/contract/tools.md section 6)."""

import datetime as dt
import re
from collections.abc import Collection

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Host, Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.support.program_arguments import number
from plugins.tools.route import hops as _tracing
from plugins.tools.route.traceroute_output import Hop, answer, path

MOST_HOPS = 255
SHORTEST = 28
"""Bytes of the headers of IPv4 and UDP: no packet is shorter."""
PLANNED = 93 * SECOND
LONGEST_TRACE = 94 * SECOND
"""How long the program may take: it waits three seconds for each of thirty hops."""

_LINE = re.compile(r"^ {0,3}(?P<ttl>[1-9]\d{0,2})\??:\s+(?P<rest>\S.*)$")
_PATH_MTU = re.compile(r"\bpmtu (?P<mtu>[1-9]\d{0,8})\b")


def declines(test: str, spec: Spec) -> list[str]:
    probe = spec.get("probe-type", "udp")
    rules = (
        ("algorithm" in spec, "Has no algorithms to choose from"),
        (probe != "udp", f"Does not send {probe}, only udp"),
        (spec.get("length", SHORTEST) < SHORTEST, f"Packets have at least {SHORTEST} bytes"),
        (spec.get("fragment", False), "Never lets packets be fragmented"),
        ("first-ttl" in spec, "Always begins with the first hop"),
        (spec.get("hops", 1) > MOST_HOPS, f"Cannot go beyond hop {MOST_HOPS}"),
        (spec.get("queries", 1) != 1, "Sends one query to each hop"),
        *((name in spec, f"Does not support {name}") for name in ("ip-tos", "wait", "sendwait")),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    return PLANNED + _tracing.lookups(spec)


def argv(spec: Spec, dest: str, version: int, known: Collection[str] = ("-m", "-p")) -> list[str]:
    """The program and its arguments, for an address of this version of IP.

    ``known`` are the options this version of the program has of those that came late.
    """
    port = number(spec["dest-port"]) if "dest-port" in spec else None
    with_port = f"{dest}/{port}" if port and "-p" not in known else dest
    options = _tracing.given(
        ("-l", spec.get("length")),
        ("-m", spec.get("hops") if "-m" in known else None),
        ("-p", port if "-p" in known else None),
    )
    return ["tracepath", "-n", f"-{version}", *options, with_port]


def options_of(usage: str) -> set[str]:
    """The options that the program's usage lists."""
    return set(re.findall(r"(?<![\w-])-[A-Za-z0-9]\b", usage))


def known_options(spec: Spec, host: Host) -> Collection[str]:
    """The options of the program here; asked only where a spec needs one that came late."""
    if not {"dest-port", "hops"} & set(spec):
        return ()
    done = host.execute(["tracepath"], timeout=2)  # ends with status 255, having shown its usage
    return options_of(done.stdout + done.stderr)


def parse(output: str) -> list[Hop]:
    """The hops in order, each with the path's MTU up to it.

    Raises PluginFailed where there are none, or none because nothing could be sent.
    """
    hops: dict[int, Hop] = {}
    known: Hop = {}
    for line in map(_LINE.match, output.splitlines()):
        if line is None:
            continue
        mtu = _PATH_MTU.search(line["rest"])
        known = {"mtu": int(mtu["mtu"])} if mtu else known
        if not line["rest"].startswith("[LOCALHOST]"):
            answered = answer(line["rest"])
            hops[int(line["ttl"])] = {**answered, **known} if answered else {}
    if not any(hops.values()) and "send failed" in output:
        raise PluginFailed("tracepath could not send", output)
    if not hops:
        raise PluginFailed("tracepath printed no hops", output)
    return path(hops)


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not trace; a path that ends nowhere is a measurement."""
    dest = host_lookup.resolve(job.spec["dest"], job.spec.get("ip-version"))
    command = argv(job.spec, str(dest), dest.version, known_options(job.spec, job.host))
    return _tracing.measure(job, command, LONGEST_TRACE, parse)


TOOL = Tool(
    name="tracepath",
    description="Trace the path to a host with the program tracepath",
    tests=("trace",),
    preference=-10,
    max_schema=1,
    programs=("tracepath",),
    declines=declines,
    duration=duration,
    run=run,
    merge=_tracing.merge,
)
