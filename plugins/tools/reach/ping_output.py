"""What the programs called ping print -> the members of an rtt result (docs/contract/tools.md section 3).

The counters at its end come with optional parts (``+2 duplicates, +1 errors``), and ``loss`` is a
fraction from 0 to 1 whatever they say.
"""

import datetime as dt
import ipaddress
import itertools
import re
from collections.abc import Iterable, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration, parse_duration
from plugins.sdk.jobs import PluginFailed

Arrival = tuple[int, dict[str, JSON]]
"""A sequence number, and what came back for it."""

_ADDRESS = r"(?P<ip>[0-9A-Fa-f.:]+)(?:%[\w.-]+)?"
_MS = r"\d{1,9}(?:\.\d{1,9})?"
_REPLY = re.compile(
    # A packet too short for a time stamp, or cut short, comes back without a time.
    rf"^(?P<length>\d{{1,9}}) bytes from {_ADDRESS}[:,] (?:icmp_)?seq=(?P<seq>\d{{1,9}})"
    rf"(?: (?:ttl|hlim)=(?P<ttl>\d{{1,9}}))?(?: time=(?P<time>{_MS}) ms)?"
)
# An IPv4 error has no colon after the address, an IPv6 one has. Those of BSD and GNU do not say which packet
# they are about, and may name the host before its address.
_ERROR = re.compile(
    rf"^(?:From {_ADDRESS}?:? icmp_seq=(?P<seq>\d{{1,9}}) (?P<text>.+)"
    rf"|\d{{1,9}} bytes from (?:\S{{1,255}} \()?(?P<host>[0-9A-Fa-f.:]+)(?:%[\w.-]+)?\)?:"
    rf" (?P<unnumbered>[A-Z].+))$"
)
_NOTHING = re.compile(r"^Request timeout for icmp_seq (?P<seq>\d{1,9})$")
_COUNTERS = re.compile(
    r"^(?P<sent>\d{1,18}) packets transmitted, (?P<received>\d{1,18}) (?P<from_zero>packets )?received,",
    re.MULTILINE,
)
_TIMES = re.compile(
    rf"^(?:rtt|round-trip) min/avg/max(?:/[\w-]+)? = ({_MS})/({_MS})/({_MS})(?:/({_MS}))? ms", re.MULTILINE
)

# How the error's text begins -> its name in docs/contract/types.md section 7; the first that fits counts.
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
    # As BSD and GNU have it
    "frag needed and DF set": "fragmentation-needed-and-df-set",
    "Fragmentation needed and DF set": "fragmentation-needed-and-df-set",
    "Communication prohibited by filter": "communication-administratively-prohibited",
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
    # All but that of iputils count their packets from 0 on.
    heard = _arrivals(output.splitlines(), 0 if counters["from_zero"] else 1)
    arrivals = [arrival for arrival in heard if 1 <= arrival[0] <= count]
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
        **_deviation(arrivals),
        **_statistics(output),
    }


def _arrivals(lines: Iterable[str], first: int) -> list[Arrival]:
    """What came back, numbered from 1 on; ``first`` is the number that the program gives the first packet."""
    found = []
    last = 0
    for line in lines:
        match = _REPLY.match(line) or _ERROR.match(line) or _NOTHING.match(line)
        if match is None:
            continue
        seq = _number(match, last, first)
        if match.re is _NOTHING:
            last = max(last, seq)
        elif _is_address(_host(match)):
            last = max(last, seq)
            found.append((seq, {"seq": seq, **(_reply(match) if match.re is _REPLY else _error(match))}))
    return found


def _number(match: "re.Match[str]", last: int, first: int) -> int:
    """Which packet a line is about; one that does not say is taken to be about the next."""
    if match["seq"] is None:
        return last + 1
    seq = int(match["seq"]) + 1 - first
    # The number has 16 bits: beyond 65,535 packets it begins anew.
    return seq + 65536 * max(0, round((last - seq) / 65536))


def _host(match: "re.Match[str]") -> str | None:
    return match["ip"] or (match["host"] if match.re is _ERROR else None)


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
    said = match["text"] or match["unnumbered"]
    known = next((name for text, name in _ERRORS.items() if said.startswith(text)), None)
    return {"ip": _host(match), **({"error": known} if known else {})}


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
    """Nothing where no packet came back. Some programs leave the deviation out."""
    found = _TIMES.search(output)
    if not found:
        return {}
    named = zip(("min", "mean", "max", "stddev"), found.groups(), strict=True)
    return {name: _duration(text) for name, text in named if text}


def _deviation(arrivals: Sequence[Arrival]) -> dict[str, JSON]:
    """The population's, as that of the programs that print it; nothing where no packet has a time."""
    import statistics

    times = [parse_duration(trip["rtt"]).total_seconds() for _, trip in arrivals if "rtt" in trip]
    return {"stddev": format_duration(dt.timedelta(seconds=statistics.pstdev(times)))} if times else {}
