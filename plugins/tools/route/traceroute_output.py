"""What the program traceroute prints -> hops (docs/contract/tools.md section 6).

The program is Butskoy's, 2.x, asked for one query a hop and for addresses instead of names. What
paris-traceroute prints has the same form.
"""

import dataclasses
import datetime as dt
import ipaddress
import re
from collections.abc import Iterable

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration
from plugins.sdk.jobs import PluginFailed

Hop = dict[str, JSON]
"""A hop of a trace's result; without members where nothing answered."""

_HEADER = re.compile(
    r"^traceroute to \S{1,300} \((?P<address>[0-9A-Fa-f.:]{2,45})(?:%\w+)?\)"
    r".*?(?:, (?P<size>[1-9]\d{0,8}) bytes? packets|$)",
    re.MULTILINE,
)
_LINE = re.compile(r"^\s{0,3}(?P<ttl>[1-9]\d{0,2})\s+(?P<rest>\S.*)$")
_TIME = re.compile(r"(?P<ms>\d{1,9}(?:\.\d{1,9})?) ?ms\b")
_MTU = re.compile(r"\bF=(?P<mtu>[1-9]\d{0,8})\b")
_ERROR = re.compile(r"!(?P<mark>[A-Z]|<?\d{1,3}>?)")

ERRORS = {
    "N": "net-unreachable",
    "0": "net-unreachable",
    "H": "host-unreachable",
    "1": "host-unreachable",
    "P": "protocol-unreachable",
    "2": "protocol-unreachable",
    "3": "port-unreachable",
    "F": "fragmentation-needed-and-df-set",
    "4": "fragmentation-needed-and-df-set",
    "S": "source-route-failed",
    "5": "source-route-failed",
    "6": "destination-network-unknown",
    "7": "destination-host-unknown",
    "8": "source-host-isolated",
    "9": "destination-network-administratively-prohibited",
    "10": "destination-host-administratively-prohibited",
    "11": "network-unreachable-for-type-of-service",
    "12": "icmp-destination-host-unreachable-tos",
    "X": "communication-administratively-prohibited",
    "A": "communication-administratively-prohibited",
    "13": "communication-administratively-prohibited",
    "V": "host-precedence-violation",
    "14": "host-precedence-violation",
    "C": "precedence-cutoff-in-effect",
    "15": "precedence-cutoff-in-effect",
}
"""An error's letter after the exclamation mark, or the number of its ICMP code -> its name."""


@dataclasses.dataclass(frozen=True)
class Printed:
    """The address traced to, the bytes of a packet where they are said, and {TTL: hop}."""

    dest: str
    size: int | None
    hops: dict[int, Hop]

    @property
    def reached(self) -> bool:
        return any(hop.get("ip") == self.dest for hop in self.hops.values())


def read(output: str) -> Printed:
    """Raises PluginFailed where the program did not get to tracing."""
    header = _HEADER.search(output)
    if not header or not _is_address(header["address"]):
        raise PluginFailed("traceroute printed no trace", output)
    size = int(header["size"]) if header["size"] else None
    return Printed(header["address"], size, dict(_hops(output.splitlines())))


def path(hops: dict[int, Hop]) -> list[Hop]:
    """Hops in order, from the first there is, with an empty one for each that is missing between."""
    return [hops.get(ttl, {}) for ttl in range(min(hops), max(hops) + 1)] if hops else []


def _hops(lines: Iterable[str]) -> Iterable[tuple[int, Hop]]:
    for line in lines:
        found = _LINE.match(line)
        if found:
            yield int(found["ttl"]), _hop(found["rest"])


def _hop(text: str) -> Hop:
    mtu = _MTU.search(text)
    return {**answer(text), **({"mtu": int(mtu["mtu"])} if mtu else {})}


def answer(text: str) -> Hop:
    """``192.0.2.1  0.5 ms !H`` -> who answered, after what time, with what error; empty where nobody did."""
    first, _, rest = text.partition(" ")
    address = first.partition("%")[0]  # a link's, with the interface it is on
    if not _is_address(address):
        return {}
    time, mark = _TIME.search(rest), _ERROR.search(rest)
    error = ERRORS.get(mark["mark"].strip("<>")) if mark else None
    return {
        "ip": address,
        **({"rtt": milliseconds(time["ms"])} if time else {}),
        # One without a name in the dictionary of types is left out: nothing else would be valid.
        **({"error": error} if error else {}),
    }


def milliseconds(text: str) -> str:
    """A number of milliseconds as an ISO 8601 duration."""
    return format_duration(dt.timedelta(milliseconds=float(text)))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
