"""The kinds of identifiers: who is asking (docs/contract/limits.md section 3).

``api-key`` and ``iam`` are additions: requests that came with an API key of this node, or that AWS has
authenticated.
"""

import dataclasses
import fnmatch
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits import hints as known
from chalicelib.domain.limits import name_lookups
from chalicelib.domain.limits.hints import Hints
from chalicelib.domain.limits.kind_base import EMPTY, NETWORKS, Kind, as_is, check_proxy, period
from chalicelib.domain.limits.networks import Networks, listed
from chalicelib.domain.limits.policy_scripts import JQ, Script, canonical, script
from chalicelib.domain.limits.string_match import Matcher, matcher
from chalicelib.domain.limits.surroundings import ListSource, Surroundings
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES

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
        update=period(data["update"], f"{pointer}/update"),
        retry=period(data["retry"], f"{pointer}/retry"),
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


KINDS: dict[str, Kind] = {
    "always": Kind(EMPTY, as_is, _always),
    "hint": Kind(
        closed({"hint": TYPES["String"], "match": TYPES["StringMatch"]}, ("hint", "match")),
        _prepare_hint,
        _hint,
    ),
    "jq": Kind(JQ, script, _jq),
    "ip-cidr-list": Kind(closed({"cidrs": NETWORKS}, ("cidrs",)), _prepare_cidrs, _cidrs),
    "ip-cidr-list-url": Kind(
        closed(
            {
                "source": TYPES["URL"],
                "proxy": TYPES["URL"],
                "update": _DURATION,
                "retry": _DURATION,
                "transform": JQ,
                "bind": TYPES["Host"],
                "exclude": NETWORKS,
                "fail-state": _BOOLEAN,
            },
            ("source", "update", "retry"),
        ),
        _prepare_list,
        _list,
    ),
    **name_lookups.KINDS,
    "localif": Kind(EMPTY, as_is, _localif),
    "local-subnet": Kind(EMPTY, as_is, _local_subnet),
    "api-key": Kind(closed({"names": _STRINGS, "scopes": _STRINGS}), as_is, _api_key),
    "iam": Kind(closed({"principals": _STRINGS}, ("principals",)), _check_patterns, _iam),
}
