"""What the program ping prints -> the members of an rtt result (contract/tools.md section 3).

The counters at its end come with optional parts (``+2 duplicates, +1 errors``), and ``loss`` is a
fraction from 0 to 1 whatever they say.
"""

import datetime as dt
import ipaddress
import itertools
import re
from collections.abc import Iterable, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration
from plugins.sdk.base import PluginFailed

Arrival = tuple[int, dict[str, JSON]]
"""A sequence number, and what came back for it."""

_ADDRESS = r"(?P<ip>[0-9A-Fa-f.:]+)(?:%\w+)?"
_MS = r"\d{1,9}(?:\.\d{1,9})?"
_REPLY = re.compile(
    # A packet too short for a time stamp comes back without a time.
    rf"^(?P<length>\d{{1,9}}) bytes from {_ADDRESS}: icmp_seq=(?P<seq>\d{{1,9}})"
    rf"(?: ttl=(?P<ttl>\d{{1,9}}))?(?: time=(?P<time>{_MS}) ms)?"
)
# An IPv4 error has no colon after the address, an IPv6 one has.
_ERROR = re.compile(rf"^From {_ADDRESS}?:? icmp_seq=(?P<seq>\d{{1,9}}) (?P<text>.+)$")
_COUNTERS = re.compile(
    r"^(?P<sent>\d{1,18}) packets transmitted, (?P<received>\d{1,18}) received,", re.MULTILINE
)
_TIMES = re.compile(
    rf"^(?:rtt|round-trip) min/avg/max/\w+ = ({_MS})/({_MS})/({_MS})/({_MS}) ms", re.MULTILINE
)

# How the error's text begins -> its name in contract/types.md section 7; the first that fits counts.
_ERRORS = {
    "Destination Net Unreachable for Type of Service": "network-unreachable-for-type-of-service",
    "Destination Host Unreachable for Type of Service": "icmp-destination-host-unreachable-tos",
    "Destination Net Unreachable": "net-unreachable",
    "Destination Host Unreachable": "host-unreachable",
    "Destination Protocol Unreachable": "protocol-unreachable",
    "Destination Port Unreachable": "port-unreachable",
    "Frag needed": "fragmentation-needed-and-df-set",
    "Source Route Failed": "source-route-failed",
    "Destination Net Unknown": "destination-network-unknown",
    "Destination Host Unknown": "destination-host-unknown",
    "Source Host Isolated": "source-host-isolated",
    "Destination Net Prohibited": "destination-network-administratively-prohibited",
    "Destination Host Prohibited": "destination-host-administratively-prohibited",
    "Packet filtered": "communication-administratively-prohibited",
    "Precedence Violation": "host-precedence-violation",
    "Precedence Cutoff": "precedence-cutoff-in-effect",
    # ICMPv6, RFC 4443 sections 3.1 and 3.2
    "Destination unreachable: No route": "net-unreachable",
    "Destination unreachable: Administratively prohibited": "communication-administratively-prohibited",
    "Destination unreachable: Address unreachable": "host-unreachable",
    "Destination unreachable: Port unreachable": "port-unreachable",
    "Packet too big": "fragmentation-needed-and-df-set",
}


def parse(output: str, count: int) -> dict[str, JSON]:
    """The round trips in the order they ended, and the statistics; ``count`` packets were asked for.

    A packet that nothing came back for is an empty object where its turn was. Times are ISO 8601
    durations. Raises PluginFailed where the counters are missing, or nothing was sent.
    """
    counters = _COUNTERS.search(output)
    if not counters:
        raise PluginFailed("ping printed no statistics", output)
    sent, received = int(counters["sent"]), int(counters["received"])
    if not sent:
        raise PluginFailed("ping sent nothing", output)
    arrivals = [arrival for arrival in _arrivals(output.splitlines()) if 1 <= arrival[0] <= count]
    replies = [seq for seq, trip in arrivals if "length" in trip]
    lost = max(0, sent - received)
    return {
        "roundtrips": _with_silences(arrivals, min(sent, count)),
        "sent": sent,
        "received": received,
        "lost": lost,
        "loss": lost / sent,
        "duplicates": len(replies) - len(set(replies)),
        "reorders": sum(later < earlier for earlier, later in itertools.pairwise(replies)),
        **_statistics(output),
    }


def _arrivals(lines: Iterable[str]) -> list[Arrival]:
    found = []
    last = 0
    for line in lines:
        match = _REPLY.match(line) or _ERROR.match(line)
        if match is None or not _is_address(match["ip"]):
            continue
        # The number has 16 bits: beyond 65,535 packets it begins anew.
        seq = int(match["seq"]) + 65536 * max(0, round((last - int(match["seq"])) / 65536))
        last = max(last, seq)
        trip = _reply(match) if match.re is _REPLY else _error(match)
        found.append((seq, {"seq": seq, **trip}))
    return found


def _is_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True


def _reply(match: "re.Match[str]") -> dict[str, JSON]:
    trip: dict[str, JSON] = {"length": int(match["length"]), "ip": match["ip"]}
    if int(match["ttl"] or 0):
        trip["ttl"] = int(match["ttl"])
    if match["time"]:
        trip["rtt"] = _duration(match["time"])
    return trip


def _error(match: "re.Match[str]") -> dict[str, JSON]:
    """Who answered, and with what error; one without a name here is left out, not null: null is no name."""
    known = next((name for text, name in _ERRORS.items() if match["text"].startswith(text)), None)
    return {"ip": match["ip"], **({"error": known} if known else {})}


def _duration(milliseconds: str) -> str:
    return format_duration(dt.timedelta(milliseconds=float(milliseconds)))


def _with_silences(arrivals: Sequence[Arrival], sent: int) -> list[dict[str, JSON]]:
    heard = {seq for seq, _ in arrivals}
    trips: list[dict[str, JSON]] = []
    reached = 0
    for seq, trip in [*arrivals, (sent + 1, None)]:
        trips += [{} for silent in range(reached + 1, seq) if silent not in heard]
        reached = max(reached, seq)
        if trip is not None:
            trips.append(trip)
    return trips


def _statistics(output: str) -> dict[str, JSON]:
    """Nothing where no packet came back."""
    found = _TIMES.search(output)
    if not found:
        return {}
    return {
        name: _duration(text)
        for name, text in zip(("min", "mean", "max", "stddev"), found.groups(), strict=True)
    }
