"""pydns64: performs dns64 with the library dnspython."""

import datetime as dt
import ipaddress
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, wrapped
from plugins.sdk.tool import Tool
from plugins.tests.dns64 import prefix
from plugins.tools.web import dnspy
from plugins.tools.web.dnspy import Answer

TIMEOUT = 10 * SECOND

_AFTER_PREFIX = {32: (4, 8), 40: (5, 10), 48: (6, 11), 56: (7, 12), 64: (9, 13), 96: (12, 16)}
"""Which octets of an address hold the IPv4 address, by the length of the prefix (RFC 6052 section 2.2)."""
_RESERVED = 8
"""The octet that is left out where it would be among them."""


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def run(job: Job) -> JSON:
    """Raises PluginFailed where nobody answers."""
    resolver = dnspy.resolver_for(job.spec, timeout(job.spec))
    job.wait_for_start()
    ipv4 = dnspy.ask(resolver, job.spec["query"], "a")
    resolver.lifetime = max(0.001, resolver.lifetime - ipv4.time.total_seconds())
    return local_result(job.spec, ipv4, dnspy.ask(resolver, job.spec["query"], "aaaa"))


def local_result(spec: Spec, ipv4: Answer, ipv6: Answer) -> dict[str, JSON]:
    """In the wrapped form; a name that lacks one of the kinds of addresses has failed."""
    error = ipv4.error or ipv6.error
    found = {
        "schema": 1,
        "succeeded": error is None,
        "time": format_duration(ipv4.time + ipv6.time),
        "translated": error is None and is_translated(ipv4.record, ipv6.record, prefix(spec)),
        "ipv4": sorted(ipv4.record or [], key=ipaddress.ip_address),
        "ipv6": sorted(ipv6.record or [], key=ipaddress.ip_address),
    }
    return {**wrapped(found, f"{ipv4.rcode}, {ipv6.rcode}\n", error), "succeeded": error is None}


def is_translated(ipv4: Sequence[str], ipv6: Sequence[str], network: ipaddress.IPv6Network) -> bool:
    """Whether the IPv6 addresses are the IPv4 ones within a network, each of them and no others."""
    wide = [ipaddress.IPv6Address(address) for address in ipv6]
    inside = {str(embedded(address, network.prefixlen)) for address in wide if address in network}
    return all(address in network for address in wide) and inside == set(ipv4)


def embedded(address: ipaddress.IPv6Address, length: int) -> ipaddress.IPv4Address:
    """The IPv4 address in an IPv6 one whose prefix has such a length."""
    first, end = _AFTER_PREFIX[length]
    places = (place for place in range(first, end) if place != _RESERVED)
    return ipaddress.IPv4Address(bytes(address.packed[place] for place in places))


TOOL = Tool(
    name="pydns64",
    label="Py DNS64",
    description="Check DNS64 with dnspython",
    tests=("dns64",),
    max_schema=1,
    duration=lambda test, spec: timeout(spec) + SECOND,
    run=run,
)
