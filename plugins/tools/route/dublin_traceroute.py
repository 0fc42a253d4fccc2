"""dublin-traceroute: performs trace with the program of the same name (docs/contract/tools.md section 6).

The program sends several flows, between which load balancers may choose, so a result has a path for
each. Its times are left out: they are at times off by more than an hour.
"""

import datetime as dt
import ipaddress
import json
from collections.abc import Iterable

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.tools.route import hops as _tracing
from plugins.tools.route.hops import HOPS
from plugins.tools.route.traceroute_output import ERRORS, Hop, path

MOST_HOPS = 255
UNREACHABLE = 3
"""ICMP's type of message about what cannot be reached (RFC 792)."""
A_HOP = SECOND / 5
"""What planning takes a hop for."""
_MS = dt.timedelta(milliseconds=1)

COMMAND = ("sh", "-c", '"$0" "$@" >&2 && cat trace.json')
"""The program writes its result to a file where it works, a directory that goes with it."""


def declines(test: str, spec: Spec) -> list[str]:
    algorithm, probe = spec.get("algorithm", "dublin-traceroute"), spec.get("probe-type", "udp")
    hops, first = spec.get("hops", HOPS), spec.get("first-ttl", 1)
    rules = (
        (algorithm != "dublin-traceroute", f"Supports the algorithm dublin-traceroute, not {algorithm}"),
        (spec.get("ip-version") == 6 or ":" in spec["dest"], "Does not speak IPv6"),
        (first > MOST_HOPS, f"Cannot begin beyond hop {MOST_HOPS}"),
        (hops > MOST_HOPS, f"Cannot go beyond hop {MOST_HOPS}"),
        (hops < first, "Has to end after the first hop"),
        (spec.get("fragment", False), "Never lets packets be fragmented"),
        (probe != "udp", f"Does not send {probe}, only udp"),
        *((name in spec, f"Does not support {name}") for name in UNSUPPORTED),
    )
    return [reason for broken, reason in rules if broken]


UNSUPPORTED = ("flow-label", "ip-tos", "length", "queries", "source", "wait")


def duration(test: str, spec: Spec) -> dt.timedelta:
    hops: int = spec.get("hops", HOPS)
    asking = hops * A_HOP + _tracing.pauses(spec)
    return _tracing.resolving(spec) + asking + _tracing.systems(spec) + 2 * SECOND


def longest(spec: Spec) -> dt.timedelta:
    """How long the program may take."""
    hops: int = spec.get("hops", HOPS)
    return hops * SECOND + _tracing.pauses(spec) + 5 * SECOND


def argv(spec: Spec, dest: str) -> list[str]:
    """The program and its arguments, run so that its result is printed."""
    options = _tracing.given(
        ("--min-ttl", spec.get("first-ttl")),
        ("--max-ttl", spec.get("hops", HOPS)),
        ("--dport", spec.get("dest-port")),
        ("--delay", round(_tracing.setting(spec, "sendwait") / _MS) if "sendwait" in spec else None),
    )
    return [*COMMAND, "dublin-traceroute", *options, dest]


def parse(output: str) -> list[list[Hop]]:
    """A path for each flow, in the order of the flows. Raises PluginFailed where there is none."""
    try:
        flows = json.loads(output)["flows"]
        return [path(_hops(flows[flow])) for flow in sorted(flows, key=int)]
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise PluginFailed("dublin-traceroute wrote no trace", output) from error


def _hops(probes: Iterable[JSON]) -> dict[int, Hop]:
    """{TTL: hop} up to where the host was reached, or an error was all there was."""
    hops: dict[int, Hop] = {}
    for probe in probes:
        hop = _hop(probe["received"], probe["sent"]["ip"]["dst"]) if probe["received"] else {}
        hops[_ttl(probe["sent"]["ip"]["ttl"])] = hop
        if probe["is_last"] or "error" in hop:
            break
    return hops


def _ttl(value: JSON) -> int:
    if not 1 <= value <= MOST_HOPS:
        raise ValueError(f"{value!r} is not the TTL of a packet")
    return int(value)


def _hop(received: JSON, dest: str) -> Hop:
    address = str(ipaddress.IPv4Address(str(received["ip"]["src"])))
    error = ERRORS.get(str(_unreachable_code(received["icmp"])))
    arrived = address == dest and error == "port-unreachable"
    return {"ip": address, **({"error": error} if error and not arrived else {})}


def _unreachable_code(icmp: JSON) -> int | None:
    """Why something is unreachable; None where a packet's time was up instead.

    Version 0.4.2 writes the type where the code belongs, and the other way round.
    """
    pair = [icmp["type"], icmp["code"]]
    if UNREACHABLE not in pair:
        return None
    pair.remove(UNREACHABLE)
    return int(pair[0])


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not trace; a path that ends nowhere is a measurement."""
    dest = host_lookup.resolve(job.spec["dest"], 4)
    command = argv(job.spec, str(dest))
    job.wait_for_start()
    done = job.host.execute(command, timeout=longest(job.spec).total_seconds())
    diags = f"{' '.join(command[len(COMMAND) :])}\n\n{done.stderr}"
    if done.status != 0:
        raise PluginFailed(f"dublin-traceroute ended with status {done.status}", diags)
    return _tracing.finished(job.spec, parse(done.stdout), diags)


TOOL = Tool(
    name="dublin-traceroute",
    description="Trace the paths to a host that load balancers choose between, with dublin-traceroute",
    tests=("trace",),
    preference=-20,
    max_schema=2,
    programs=("dublin-traceroute",),
    declines=declines,
    duration=duration,
    run=run,
    merge=_tracing.merge,
)
