"""Types that name things on a network: hosts, addresses, ports, ICMP errors and SNMP values.

Part of the dictionary in ``types.py`` (docs/contract/types.md sections 2, 6 and 7). Patterns end in ``\\Z``,
because ``$`` would let a final newline through, and say ``[0-9]``, because ``\\d`` knows more digits.
"""

from chalicelib.domain.schemas import JSON, MESSAGE, integer, pattern

_GROUP = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_QUAD = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_LAST_TWO = f"(?:{_GROUP}:{_GROUP}|{_QUAD})"


def _before_gap(most: int) -> str:
    """So many groups, or fewer, and the double colon that stands for the missing ones."""
    return f"(?:(?:{_GROUP}:){{0,{most - 1}}}{_GROUP})?::" if most else "::"


_IPV6 = "(?:{})".format(
    "|".join(  # the alternatives of IPv6address in RFC 3986 section 3.2.2
        [
            f"(?:{_GROUP}:){{6}}{_LAST_TWO}",
            *(f"{_before_gap(most)}(?:{_GROUP}:){{{5 - most}}}{_LAST_TWO}" for most in range(6)),
            f"{_before_gap(6)}{_GROUP}",
            _before_gap(7),
        ]
    )
)
_ZONED_IPV6 = rf"(?:{_IPV6}|(?=[Ff][Ee]80:){_IPV6}%[0-9A-Za-z]+)"
# A link-local address is one only with its interface (RFC 4007 section 11).
_SCOPED_IPV6 = rf"(?=[Ff][Ee][89ABab][0-9A-Fa-f]:){_IPV6}%[0-9A-Za-z][0-9A-Za-z._-]{{0,31}}"

_LABEL = "[0-9A-Za-z][0-9A-Za-z-]{0,62}"
_FIRST_LABEL = "[0-9A-Za-z_][0-9A-Za-z-]{0,62}"
_HOST_NAME = rf"(?=.{{1,255}}\Z){_FIRST_LABEL}(?:\.{_LABEL})*\.?"
# A name beyond ASCII (RFC 5890); whether it has a form in ASCII only its reader can tell. It is said by what
# may not be in it: what makes texts of a pattern, as tests do, goes through a class letter by letter.
_NEVER = r"\x00-,/:-@\[-`{-\xa0"
_WIDE_LABEL = rf"[^.\-{_NEVER}][^.{_NEVER}]{{0,62}}"
_WIDE_NAME = rf"(?=[\x00-\x7f]*[^\x00-\xa0])(?=.{{1,255}}\Z){_WIDE_LABEL}(?:[.\u3002]{_WIDE_LABEL})*\.?"
_URL_LABEL = "[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?"

_IPV4 = {"type": "string", "format": "ipv4", MESSAGE: "{value!r} is not an IPv4 address"}
_IPV6_ADDRESS = {"type": "string", "format": "ipv6", MESSAGE: "{value!r} is not an IPv6 address"}
_IP_ADDRESS: dict[str, JSON] = {
    "anyOf": [_IPV4, _IPV6_ADDRESS],
    MESSAGE: "{value!r} is not an IP address",
}
_HOST_NAME_TYPE = pattern(_HOST_NAME, "{value!r} is not a host name")
_HOST_NAME_PORT = pattern(
    rf"(?:_?{_URL_LABEL}\.)*{_URL_LABEL}(?::[0-9]+)?", "{value!r} is not a host name with an optional port"
)
_IPV6_PORT = pattern(
    rf"\[{_ZONED_IPV6}\](?::[0-9]+)?", "{value!r} is not an IPv6 address in brackets with an optional port"
)
_IPV4_CIDR = pattern(rf"{_QUAD}/(?:3[0-2]|[12]?[0-9])", "{value!r} is not an IPv4 network")
_IPV6_CIDR = pattern(rf"{_IPV6}/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])", "{value!r} is not an IPv6 network")
_IP_CIDR: dict[str, JSON] = {"anyOf": [_IPV4_CIDR, _IPV6_CIDR], MESSAGE: "{value!r} is not an IP network"}
_IP_VERSION = {"type": "integer", "enum": [4, 6]}

NETWORK_TYPES: dict[str, dict[str, JSON]] = {
    "IPPort": integer(0, 65535),
    "IPTOS": integer(0, 255),
    "ip-version": _IP_VERSION,
    "ip-version-list": {"type": "array", "items": _IP_VERSION},
    "IPv4": _IPV4,
    "IPv6": _IPV6_ADDRESS,
    "IPAddress": _IP_ADDRESS,
    "IPv4CIDR": _IPV4_CIDR,
    "IPv6CIDR": _IPV6_CIDR,
    "IPCIDR": _IP_CIDR,
    "IPCIDRList": {"type": "array", "items": _IP_CIDR},
    "HostName": _HOST_NAME_TYPE,
    "HostNamePort": _HOST_NAME_PORT,
    "IPv6RFC2732": _IPV6_PORT,
    "Host": {
        "anyOf": [
            _HOST_NAME_TYPE,
            _IP_ADDRESS,
            pattern(_SCOPED_IPV6, "{value!r} is not a link-local address with its interface"),
            pattern(_WIDE_NAME, "{value!r} is not a host name"),
        ],
        MESSAGE: "{value!r} is not a host name or an IP address",
    },
    "URLHostPort": {
        "anyOf": [_HOST_NAME_PORT, _IPV6_PORT],
        MESSAGE: "{value!r} is not a host with an optional port (IPv6 addresses go in brackets)",
    },
    # Any string, as clients rely on: what a URL must be is for the tool that follows it to say.
    "URL": {"type": "string"},
    "icmp-error": {
        "enum": [
            "net-unreachable",
            "host-unreachable",
            "protocol-unreachable",
            "port-unreachable",
            "fragmentation-needed-and-df-set",
            "source-route-failed",
            "destination-network-unknown",
            "destination-host-unknown",
            "source-host-isolated",
            "destination-network-administratively-prohibited",
            "destination-host-administratively-prohibited",
            "network-unreachable-for-type-of-service",
            "icmp-destination-host-unreachable-tos",
            "communication-administratively-prohibited",
            "host-precedence-violation",
            "precedence-cutoff-in-effect",
        ]
    },
}


def _snmp(kind: dict[str, JSON], value: dict[str, JSON]) -> dict[str, JSON]:
    """An SNMP value with its type; other members are let through (docs/contract/types.md section 6)."""
    return {"type": "object", "properties": {"type": kind, "value": value}, "required": ["type", "value"]}


def _snmp_named(name: str, value: dict[str, JSON]) -> dict[str, JSON]:
    return _snmp({"enum": [name]}, value)


_STRING: dict[str, JSON] = {"type": "string"}
_UINT32, _UINT64 = integer(0, 2**32 - 1), integer(0, 2**64 - 1)

_SNMP_VALUES: dict[str, dict[str, JSON]] = {
    "SNMPResultOID": _snmp_named("ObjectIdentity", _STRING),
    "SNMPInteger": _snmp_named("Integer", integer()),
    "SNMPTimeticks": _snmp_named("TimeTicks", integer()),
    "SNMPUnsigned32": _snmp_named("Unsigned32", _UINT32),
    "SNMPCounter32": _snmp_named("Counter32", _UINT32),
    "SNMPGauge32": _snmp_named("Gauge32", _UINT32),
    "SNMPCounter64": _snmp_named("Counter64", _UINT64),
    "SNMPString": _snmp({"type": "string", "pattern": r"String\Z"}, _STRING),
    "SNMPOpaque": _snmp_named("Opaque", _STRING),
    "SNMPBits": _snmp_named("Bits", _STRING),
    "SNMPIPAddress": _snmp_named("IpAddress", _IP_ADDRESS),
    "SNMPOther": {"type": "object", "required": ["value"]},
}
_SNMP_OIDS = {
    "SNMPNumericOID": pattern(r"(?:\.?[0-9])+", "{value!r} is not a numeric OID"),
    # Anything with a lower-case letter: what names there are depends on the MIBs at hand.
    "SNMPAlphaNumOID": {"type": "string", "pattern": "[a-z]"},
}
_SNMP_OID: dict[str, JSON] = {
    "anyOf": [*_SNMP_OIDS.values(), _SNMP_VALUES["SNMPResultOID"]],
    MESSAGE: "{value!r} is not an OID",
}
_SNMP_RESULT: dict[str, JSON] = {"anyOf": [_SNMP_OID, *_SNMP_VALUES.values()]}

SNMP_TYPES: dict[str, dict[str, JSON]] = {
    **_SNMP_OIDS,
    **_SNMP_VALUES,
    "SNMPOID": _SNMP_OID,
    "SNMPResult": _SNMP_RESULT,
    "SNMPResultList": {"type": "array", "items": _SNMP_RESULT},
}
