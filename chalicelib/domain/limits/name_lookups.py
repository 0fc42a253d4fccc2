"""The kinds of identifiers that ask name servers about a requester's address."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.limits import hints as known
from chalicelib.domain.limits.hints import Hints
from chalicelib.domain.limits.kind_base import NETWORKS, Kind, period
from chalicelib.domain.limits.networks import Address, Networks, listed
from chalicelib.domain.limits.string_match import Matcher, matcher
from chalicelib.domain.limits.surroundings import Surroundings
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES

LONGEST_TIMEOUT = dt.timedelta(seconds=5)
"""What a look-up gets at most, whatever a policy says: somebody waits for it."""
MOST_NAMES = 4
"""Names of one address that are looked up: its owner says how many there are."""
_TWO_SECONDS = "PT2S"


@dataclasses.dataclass(frozen=True)
class _AsnRule:
    asns: frozenset[str]
    zone: str
    timeout: dt.timedelta
    fail_result: bool


def _prepare_asn(data: Mapping[str, JSON], pointer: str, jq: Jq) -> _AsnRule:
    asns = frozenset(str(number) for number in data["asns"])
    zone = "peer" if data.get("peers", False) else "origin"
    timeout = _timeout(data.get("timeout", _TWO_SECONDS), f"{pointer}/timeout")
    return _AsnRule(asns, zone, timeout, data["fail-result"])


def _asn(data: _AsnRule, hints: Hints, around: Surroundings) -> bool:
    asking = known.requester(hints)
    if asking is None:
        return False
    six = "6" if asking.version == 6 and data.zone == "origin" else ""
    name = f"{_reversed(asking)}.{data.zone}{six}.asn.cymru.com"
    try:
        lines = around.names.texts(name, data.timeout)
    except Unavailable:
        return data.fail_result
    return any(not data.asns.isdisjoint(line.strip('"').partition("|")[0].split()) for line in lines)


@dataclasses.dataclass(frozen=True)
class _BogonRule:
    exclude: Networks
    timeout: dt.timedelta
    fail_result: bool


def _prepare_bogon(data: Mapping[str, JSON], pointer: str, jq: Jq) -> _BogonRule:
    exclude = listed(data.get("exclude", []), f"{pointer}/exclude")
    return _BogonRule(
        exclude, _timeout(data.get("timeout", _TWO_SECONDS), f"{pointer}/timeout"), data["fail-result"]
    )


def _bogon(data: _BogonRule, hints: Hints, around: Surroundings) -> bool:
    asking = known.requester(hints)
    if asking is None or asking in data.exclude:
        return False
    name = f"{_reversed(asking)}.v{asking.version}.fullbogons.cymru.com"
    try:
        return "127.0.0.2" in around.names.addresses(name, data.timeout, 4)
    except Unavailable:
        return data.fail_result


def _reversed(asking: Address) -> str:
    """An address the way names of it are looked up, without the domain that ends them."""
    return asking.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")


def _prepare_reverse(data: Mapping[str, JSON], pointer: str, jq: Jq) -> tuple[Matcher, dt.timedelta]:
    return matcher(data["match"], f"{pointer}/match"), _timeout(data["timeout"], f"{pointer}/timeout")


def _reverse(data: tuple[Matcher, dt.timedelta], hints: Hints, around: Surroundings) -> bool:
    match, timeout = data
    asking = known.requester(hints)
    if asking is None:
        return False
    try:
        for name in around.names.names(str(asking), timeout)[:MOST_NAMES]:
            bare = name.rstrip(".")
            if not (match.matches(bare) or match.matches(f"{bare}.")):
                continue
            if str(asking) in around.names.addresses(f"{bare}.", timeout, asking.version):
                return True
    except Unavailable:
        pass
    return False


def _timeout(text: str, pointer: str) -> dt.timedelta:
    return min(period(text, pointer), LONGEST_TIMEOUT)


KINDS: dict[str, Kind] = {
    "ip-cymru-asn": Kind(
        closed(
            {
                "asns": TYPES["CardinalList"],
                "peers": TYPES["Boolean"],
                "timeout": TYPES["Duration"],
                "fail-result": TYPES["Boolean"],
            },
            ("asns", "fail-result"),
        ),
        _prepare_asn,
        _asn,
    ),
    "ip-cymru-bogon": Kind(
        closed(
            {
                "exclude": NETWORKS,
                "timeout": TYPES["Duration"],
                "fail-result": TYPES["Boolean"],
            },
            ("fail-result",),
        ),
        _prepare_bogon,
        _bogon,
    ),
    "ip-reverse-dns": Kind(
        closed({"match": TYPES["StringMatch"], "timeout": TYPES["Duration"]}, ("match", "timeout")),
        _prepare_reverse,
        _reverse,
    ),
}
