"""What the SNMP tests have in common: their members, which of them go together, and how values are shown.

Versions 1 and 2c know a community, version 3 a user with keys. A spec of one kind has no members of the
other; the reference meant to say so and, for two of the three tests, said nothing (docs/contract/tests.md).
"""

import itertools
from collections.abc import Iterable, Sequence

from chalicelib.domain.schemas import JSON, MESSAGE
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Table

COMMUNITY_VERSIONS = ("1", "2c")
VERSIONS = (*COMMUNITY_VERSIONS, "3")

AUTH_PROTOCOLS = ("MD5", "SHA")
PRIV_PROTOCOLS = ("AES", "AES128", "AES192", "AES256", "DES", "3DES")
SECURITY_LEVELS = ("noAuthNoPriv", "authNoPriv", "authPriv")


def either_case(names: Sequence[str]) -> list[str]:
    """Names as they are spelled and in lower case, for a test that always took both."""
    return [*names, *(name.lower() for name in names if name.lower() != name)]


# fmt: off
WHERE = (
    Field("dest", "Host", "--dest", required=True, label="Destination", help="Host whose SNMP agent to ask, at UDP port 161"),
    Field("version", {"enum": list(VERSIONS)}, "--version", required=True, label="Version", help="Version of SNMP to speak: 1, 2c or 3"),
)
WHO_MEASURES = (
    Field("host", "Host", "--host", label="Host", help="Host that should ask"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("protocol", {"enum": ["tcp", "udp"]}, "--protocol", label="Protocol", help="Transport to ask over, tcp or udp"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time in which all answers must have come"),
)


def credentials(spelled: bool = True) -> tuple[Field, ...]:
    """The members that tell who asks; ``spelled`` as in ``authPriv``, or in lower case as well."""
    auth, priv, levels = (
        list(names) if spelled else either_case(names)
        for names in (AUTH_PROTOCOLS, PRIV_PROTOCOLS, SECURITY_LEVELS)
    )
    return (
        Field("_community", "String", "--community", label="Community", help="Community to ask as, with versions 1 and 2c"),
        Field("security-name", "String", "--security-name", label="Security Name", help="User to ask as, with version 3"),
        Field("auth-protocol", {"enum": auth}, "--auth-protocol", label="Authentication Protocol", help="How messages are signed, MD5 or SHA"),
        Field("priv-protocol", {"enum": priv}, "--priv-protocol", label="Privacy Protocol",
              help=f"How messages are encrypted: {', '.join(PRIV_PROTOCOLS)}"),
        Field("_auth-key", "String", "--auth-key", label="Authentication Key", help="Passphrase of the user for signing"),
        Field("_priv-key", "String", "--priv-key", label="Privacy Key", help="Passphrase of the user for encrypting"),
        Field("security-level", {"enum": levels}, "--security-level", label="Security Level",
              help=f"How messages are protected: {', '.join(SECURITY_LEVELS)}"),
        Field("context", "String", "--context", label="Context", help="Context of the agent to ask in"),
    )
# fmt: on


USER_MEMBERS = tuple(field.name for field in credentials() if field.name != "_community")
_NOT_WITH_USERS: dict[str, JSON] = {"not": {}, MESSAGE: "is only for versions 1 and 2c of SNMP"}
_NOT_WITH_COMMUNITIES: dict[str, JSON] = {"not": {}, MESSAGE: "is only for version 3 of SNMP"}


def _where_version(versions: Sequence[str], then: dict[str, JSON]) -> dict[str, JSON]:
    version = {"properties": {"version": {"enum": list(versions)}}, "required": ["version"]}
    return {"if": version, "then": then}


RULES: dict[str, JSON] = {
    "allOf": [
        _where_version(
            COMMUNITY_VERSIONS,
            {"required": ["_community"], "properties": dict.fromkeys(USER_MEMBERS, _NOT_WITH_COMMUNITIES)},
        ),
        _where_version(["3"], {"properties": {"_community": _NOT_WITH_USERS}}),
    ]
}
"""Which members a version has."""


def strange_members(spec: Spec) -> list[str]:
    """The members there are that the spec's version does not know; without a version, it counts as 3."""
    strange = USER_MEMBERS if spec.get("version") in COMMUNITY_VERSIONS else ("_community",)
    return [name for name in strange if name in spec]


HEADINGS = ("OID", "Sequence", "Timestamp", "Type", "Value", "Delta", "Time Delta (s)")
_MEMBERS = ("seq_num", "timestamp", "type", "value", "delta", "timedelta")


def table(names: Sequence[JSON], data: Iterable[JSON]) -> Table:
    """What was got, a row a value; ``data`` has for each OID one value or a list of them."""
    rows = [
        _row(number, name, item)
        for number, (name, got) in enumerate(itertools.zip_longest(names, data), start=1)
        for item in (got if isinstance(got, list) else [got])
        if item is not None
    ]
    return Table(HEADINGS, rows, line=_line)


def _row(number: int, name: JSON, item: JSON) -> list[JSON]:
    label = name.get("value") if isinstance(name, dict) else name
    members = item if isinstance(item, dict) else {"value": item}
    return [label or f"OID {number}", *(members.get(member, "") for member in _MEMBERS)]


def _line(row: Sequence[JSON]) -> str:
    oid, sequence, timestamp, kind, value, delta, timedelta = row
    parts = [
        f"#{sequence}" if sequence != "" else "",
        str(timestamp),
        f"{kind}: {value}" if kind else str(value),
        f"delta {delta} in {timedelta:.3f} s" if isinstance(timedelta, float | int) and delta != "" else "",
    ]
    return "  ".join([str(oid), *(part for part in parts if part)])
