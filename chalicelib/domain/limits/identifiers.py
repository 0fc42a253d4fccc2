"""The kinds of identifiers: who is asking (docs/contract/limits.md section 3).

``api-key`` and ``iam`` are additions: requests that came with an API key of this node, or that AWS has
authenticated.
"""

import dataclasses
import datetime as dt
import fnmatch
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits import hints as known
from chalicelib.domain.limits.kinds import EMPTY, JQ, Kind, Script, as_is, canonical, check_proxy, script
from chalicelib.domain.limits.matching import Matcher, matcher
from chalicelib.domain.limits.networks import Address, Networks, listed
from chalicelib.domain.limits.surroundings import ListSource, Surroundings
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES

Hints = Mapping[str, JSON]

LONGEST_TIMEOUT = dt.timedelta(seconds=5)
"""What a look-up gets at most, whatever a policy says: somebody waits for it."""
_TWO_SECONDS = "PT2S"
_NETWORKS = {"type": "array", "items": {"anyOf": [TYPES["IPCIDR"], TYPES["IPAddress"]]}, "maxItems": 10_000}
_BOOLEAN, _DURATION, _STRINGS = TYPES["Boolean"], TYPES["Duration"], TYPES["StringList"]


@dataclasses.dataclass(frozen=True)
class Identifier:
    """One identifier of a policy, ready to be asked."""

    name: str
    type: str
    data: Any
    inverted: bool = False

    def identifies(self, hints: Hints, around: Surroundings) -> bool:
        """Whether it identifies a requester. Raises Unavailable and ScriptFailed where no rule says more.

        An inverted one identifies nobody, as in the reference.
        """
        return not self.inverted and bool(KINDS[self.type].decide(self.data, hints, around))


def _always(data: Any, hints: Hints, around: Surroundings) -> bool:
    return True


def _prepare_hint(data: Mapping[str, JSON], pointer: str, jq: Jq) -> tuple[str, Matcher]:
    return data["hint"], matcher(data["match"], f"{pointer}/match")


def _hint(data: tuple[str, Matcher], hints: Hints, around: Surroundings) -> bool:
    name, match = data
    return hints.get(name) is not None and match.matches(str(hints[name]))


def _jq(data: Script, hints: Hints, around: Surroundings) -> bool:
    try:
        return data.first(around.jq, dict(hints)) is True
    except ScriptFailed:
        return False


def _prepare_cidrs(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Networks:
    return listed(data["cidrs"], f"{pointer}/cidrs")


def _cidrs(data: Networks, hints: Hints, around: Surroundings) -> bool:
    return known.requester(hints) in data


@dataclasses.dataclass(frozen=True)
class _ListRule:
    source: ListSource
    exclude: Networks
    fail_state: bool


def _prepare_list(data: Mapping[str, JSON], pointer: str, jq: Jq) -> _ListRule:
    transform = script(data["transform"], f"{pointer}/transform", jq) if "transform" in data else None
    source = ListSource(
        url=data["source"],
        update=_period(data["update"], f"{pointer}/update"),
        retry=_period(data["retry"], f"{pointer}/retry"),
        script=transform.text if transform else None,
        args=canonical(transform.args) if transform else "{}",
        bind=data.get("bind"),
        proxy=data.get("proxy"),
    )
    if not source.url.startswith(("https://", "http://", "file:///")):
        raise Invalid("must begin with https://, http:// or file:///", f"{pointer}/source")
    check_proxy(data, pointer)
    exclude = listed(data.get("exclude", []), f"{pointer}/exclude")
    return _ListRule(source, exclude, data.get("fail-state", False))


def _list(data: _ListRule, hints: Hints, around: Surroundings) -> bool:
    found = around.lists.networks(data.source)
    if not found:
        return data.fail_state
    asking = known.requester(hints)
    return asking in found and asking not in data.exclude


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


MOST_NAMES = 4
"""Names of one address that are looked up: its owner says how many there are."""


def _localif(data: Any, hints: Hints, around: Surroundings) -> bool:
    return known.requester(hints) in around.interfaces.addresses()


def _local_subnet(data: Any, hints: Hints, around: Surroundings) -> bool:
    return known.requester(hints) in around.interfaces.subnets()


def _api_key(data: Mapping[str, JSON], hints: Hints, around: Surroundings) -> bool:
    name, scopes = hints.get(known.API_KEY), hints.get(known.API_SCOPES) or ()
    wanted = data.get("scopes", ())
    return (
        isinstance(name, str) and name in data.get("names", [name]) and all(one in scopes for one in wanted)
    )


def _iam(data: Mapping[str, JSON], hints: Hints, around: Surroundings) -> bool:
    principal = hints.get(known.IAM)
    return isinstance(principal, str) and any(
        fnmatch.fnmatchcase(principal[:2048], pattern) for pattern in data["principals"]
    )


def _check_patterns(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Mapping[str, JSON]:
    for number, text in enumerate(data["principals"]):
        if len(text) > 2048 or text.count("*") > 2:
            raise Invalid(
                "must have at most 2048 characters, and at most two *", f"{pointer}/principals/{number}"
            )
    return data


def _timeout(text: str, pointer: str) -> dt.timedelta:
    return min(_period(text, pointer), LONGEST_TIMEOUT)


def _period(text: str, pointer: str) -> dt.timedelta:
    try:
        return parse_duration(text)
    except Invalid as error:
        raise error.inside(pointer) from error


KINDS: dict[str, Kind] = {
    "always": Kind(EMPTY, as_is, _always),
    "hint": Kind(
        closed({"hint": TYPES["String"], "match": TYPES["StringMatch"]}, ("hint", "match")),
        _prepare_hint,
        _hint,
    ),
    "jq": Kind(JQ, script, _jq),
    "ip-cidr-list": Kind(closed({"cidrs": _NETWORKS}, ("cidrs",)), _prepare_cidrs, _cidrs),
    "ip-cidr-list-url": Kind(
        closed(
            {
                "source": TYPES["URL"],
                "proxy": TYPES["URL"],
                "update": _DURATION,
                "retry": _DURATION,
                "transform": JQ,
                "bind": TYPES["Host"],
                "exclude": _NETWORKS,
                "fail-state": _BOOLEAN,
            },
            ("source", "update", "retry"),
        ),
        _prepare_list,
        _list,
    ),
    "ip-cymru-asn": Kind(
        closed(
            {
                "asns": TYPES["CardinalList"],
                "peers": _BOOLEAN,
                "timeout": _DURATION,
                "fail-result": _BOOLEAN,
            },
            ("asns", "fail-result"),
        ),
        _prepare_asn,
        _asn,
    ),
    "ip-cymru-bogon": Kind(
        closed(
            {
                "exclude": _NETWORKS,
                "timeout": _DURATION,
                "fail-result": _BOOLEAN,
            },
            ("fail-result",),
        ),
        _prepare_bogon,
        _bogon,
    ),
    "ip-reverse-dns": Kind(
        closed({"match": TYPES["StringMatch"], "timeout": _DURATION}, ("match", "timeout")),
        _prepare_reverse,
        _reverse,
    ),
    "localif": Kind(EMPTY, as_is, _localif),
    "local-subnet": Kind(EMPTY, as_is, _local_subnet),
    "api-key": Kind(closed({"names": _STRINGS, "scopes": _STRINGS}), as_is, _api_key),
    "iam": Kind(closed({"principals": _STRINGS}, ("principals",)), _check_patterns, _iam),
}
