"""dns64: whether a name server makes IPv6 addresses of IPv4 ones, as RFC 6147 has it.

Comes with release 5.3 of pScheduler; see docs/compatibility.md.
"""

import ipaddress

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host

WELL_KNOWN = "64:ff9b::/96"
LENGTHS = (32, 40, 48, 56, 64, 96)
"""Those that a prefix may have (RFC 6052 section 2.2)."""


def prefix(spec: Spec) -> ipaddress.IPv6Network:
    """The network that addresses are translated into. Raises Invalid for what is none."""
    try:
        found = ipaddress.IPv6Network(spec.get("translation-prefix", WELL_KNOWN))
    except ValueError as error:
        raise Invalid(f"must be an IPv6 network such as {WELL_KNOWN}", "/translation-prefix") from error
    if found.prefixlen not in LENGTHS:
        raise Invalid(
            f"must have a length that is one of {', '.join(map(str, LENGTHS))}", "/translation-prefix"
        )
    return found


def check(spec: Spec) -> None:
    prefix(spec)


def show(spec: Spec, result: Result) -> list[Block]:
    rows = [("Elapsed Time", result["time"])]
    rows += [("IPv4 Address", address) for address in result.get("ipv4", [])]
    rows += [("IPv6 Address", address) for address in result.get("ipv6", [])]
    if "translated" in result:
        rows.append(("Translated", "yes" if result["translated"] else "no"))
    return [Rows(rows)]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        milliseconds("dns.time", result.get("time")),
        number("dns64.translated", result.get("translated"), FLAG),
    )


# fmt: off
FIELDS = (
    Field("query", "Host", "--query", required=True, label="Query", help="Name to look up"),
    Field("nameserver", "Host", "--nameserver", label="Name Server", help="Server to ask, in place of the system's"),
    Field("host", "Host", "--host", label="Host", help="Host that should ask"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("translation-prefix", "String", "--translation-prefix", label="Translation Prefix",
          help=f"Network that addresses are translated into ({WELL_KNOWN})"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for the answers"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "ipv4": {"type": "array", "items": TYPES["IPv4"]},
        "ipv6": {"type": "array", "items": TYPES["IPv6"]},
        "translated": TYPES["Boolean"],
    },
    required=("succeeded", "time"),
)

TEST = Test(
    name="dns64",
    label="DNS64",
    description="Check that a name server translates IPv4 addresses (DNS64)",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    check=check,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "query": "v4only.example.org"},
        {
            "schema": 1,
            "query": "v4only.example.org",
            "nameserver": "2001:db8::53",
            "host": "198.51.100.1",
            "host-node": "node.example.org",
            "translation-prefix": "2001:db8:64::/96",
            "timeout": "PT15S",
        },
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.02S",
            "ipv4": ["192.0.2.1"],
            "ipv6": ["64:ff9b::c000:201"],
            "translated": True,
        },
        {
            "schema": 1,
            "succeeded": False,
            "time": "PT0.02S",
            "ipv4": ["192.0.2.1"],
            "ipv6": [],
            "translated": False,
        },
    ),
)
