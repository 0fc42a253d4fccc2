"""Autonomous systems of addresses, by the DNS of Team Cymru
(docs/contract/cli.md, docs/contract/tools.md section 6).

Two questions each: which system announces the prefix an address is in (``origin``), and whose it is.
"""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.jobs import PluginFailed
from plugins.support import host_lookup
from plugins.tools.web.dnspy import make_resolver, texts

ZONE = "asn.cymru.com"
LOOKUP_TIMEOUT = 2 * SECOND
"""How long all questions of a kind may take together."""
_NUMBER = re.compile("[0-9]{1,10}")
"""A number of 32 bits; Python reads no more than 4300 digits."""

Ask = Callable[[str], list[str]]
"""A name -> its TXT records; raises PluginFailed where there are none."""


def add_systems(hops: Iterable[dict[str, JSON]]) -> None:
    """Put its autonomous system, where one is found in time, into every hop that has an ``ip``."""
    answered = [hop for hop in hops if "ip" in hop]
    systems = find({hop["ip"] for hop in answered}, _ask())
    for hop in answered:
        if hop["ip"] in systems:
            hop["as"] = systems[hop["ip"]]


def _ask() -> Ask:
    try:
        resolver = make_resolver(LOOKUP_TIMEOUT)
    except PluginFailed:
        return lambda name: []  # this machine has no name servers
    return lambda name: texts(resolver, name)


def find(addresses: Iterable[str], ask: Ask) -> dict[str, dict[str, JSON]]:
    """``{number, owner?}`` by address; those that are nobody's, or not found in time, lack.

    Addresses that are not unicast, or mean nothing outside their own network, are not asked about.
    """
    names = {address: origin_name(address) for address in sorted(addresses)}
    origins = {address: functools.partial(ask, name) for address, name in names.items() if name}
    numbers = {address: origin_number(texts) for address, texts in _answers(origins).items()}
    asked = {number for number in numbers.values() if number}
    owners = _answers({number: functools.partial(ask, f"AS{number}.{ZONE}") for number in sorted(asked)})
    return {
        address: {"number": number, **owner(owners.get(number, []))}
        for address, number in numbers.items()
        if number
    }


def _answers(questions: Mapping[JSON, Callable[[], list[str]]]) -> dict[JSON, list[str]]:
    return host_lookup.found(LOOKUP_TIMEOUT.total_seconds(), questions, nothing=(PluginFailed,))


def origin_name(address: str) -> str | None:
    """The name to ask for the origin of an address; None where there is nothing to ask."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if not plain.is_global or plain.is_multicast:
        return None
    labels = plain.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{labels}.origin{6 if plain.version == 6 else ''}.{ZONE}"


def origin_number(texts: list[str]) -> int | None:
    """``64496 64497 | 198.51.100.0/24 | ZZ | registry | date`` -> 64496, the first of them."""
    first = texts[0].split("|")[0].split() if texts else []
    number = first[0] if first else ""
    return int(number) if _NUMBER.fullmatch(number) and 0 < int(number) < 2**32 else None


def owner(texts: list[str]) -> dict[str, JSON]:
    """``64496 | ZZ | registry | date | EXAMPLE, ZZ`` -> ``{owner: EXAMPLE, ZZ}``; without one, nothing."""
    name = texts[0].rpartition("|")[2].strip() if texts else ""
    return {"owner": name} if name else {}
