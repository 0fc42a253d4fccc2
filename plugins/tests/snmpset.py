"""snmpset: set SNMP objects (docs/contract/tests.md, snmpset).

The reference checked nothing of a spec, its schema asking for a member that no spec had. Checked here is
what its command line made and its tool used, keys under the names that keep them from being shown.
"""

import re

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import COUNT, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host
from plugins.support import snmp_fields

# Two colons stand between a MIB and a name in it, one between the parts of an argument.
_NAME = r"(?:[^:]+::)?[^:]+"
_OID = rf"(?:\.?[0-9])+|(?=.*[a-z]){_NAME}"
_PARTS = re.compile(rf"({_NAME}):([^:]+):(.*)", re.DOTALL)

OIDARGS: dict[str, JSON] = {
    "type": "array",
    "items": closed(
        {
            "oid": pattern(_OID, "{value!r} is not an OID"),
            "type": pattern(r"[^:]+", "{value!r} is not a type such as i, u, s, x, a, o or t"),
            "value": TYPES["String"],
        },
        required=("oid", "type", "value"),
    ),
    "minItems": 1,
}


def read_oidargs(arguments: list[str]) -> list[dict[str, str]]:
    """``OID:TYPE:VALUE`` each; values may have colons. Raises Invalid."""
    return [_read_oidarg(argument) for argument in arguments]


def _read_oidarg(argument: str) -> dict[str, str]:
    parts = _PARTS.fullmatch(argument)
    if not parts:
        raise Invalid(f"--oidargs: must have the form OID:TYPE:VALUE, not {shown(argument)}")
    return dict(zip(("oid", "type", "value"), parts.groups(), strict=True))


def write_oidargs(oidargs: list[dict[str, str]]) -> list[str]:
    texts = [f"{one['oid']}:{one['type']}:{one['value']}" for one in oidargs]
    return [part for text in texts for part in ("--oidargs", text)]


def amend(given: Spec) -> Spec:
    """Raises Invalid for options that are missing, or that the version does not know."""
    for name in ("version", "oidargs"):
        if name not in given:
            raise Invalid(f"--{name}: must be given")
    for name in snmp_fields.strange_members(given):
        raise Invalid(f"--{name.lstrip('_')}: must be left out with version {given['version']} of SNMP")
    return given


def show(spec: Spec, result: Result) -> list[Block]:
    """The time it took, and what every object is set to now."""
    names = [one["oid"] for one in spec.get("oidargs", ())]
    data = [item.get("error") if _is_error(item) else item for item in result["data"]]
    return [Rows([("Time", result["time"])]), snmp_fields.table(names, data)]


def _is_error(item: JSON) -> bool:
    return isinstance(item, dict) and "type" not in item and "error" in item


def metrics(spec: Spec, result: Result) -> list[Metric]:
    refused = [each for each in result.get("data", ()) if isinstance(each, dict) and "error" in each]
    return present(milliseconds("snmp.time", result.get("time")), number("snmp.refused", len(refused), COUNT))


# fmt: off
FIELDS = (
    *snmp_fields.WHERE,
    Field("oidargs", OIDARGS, "--oidargs", kind="list", required=True, read=read_oidargs, write=write_oidargs,
          label="Values", help="Value to set, as OID:TYPE:VALUE with a type of snmpset such as i or s; repeat for several"),
    *snmp_fields.WHO_MEASURES,
    *snmp_fields.credentials(spelled=False),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "data": {"type": "array", "items": TYPES["SNMPResult"]},
        "time": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("schema", "succeeded", "data", "time"),
)

TEST = Test(
    name="snmpset",
    label="SNMP Set",
    description="Set the values of SNMP objects",
    scheduling_class="background",
    fields=FIELDS,
    rules=snmp_fields.RULES,
    amend=amend,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {
            "schema": 1,
            "dest": "router.example.org",
            "version": "2c",
            "oidargs": [
                {"oid": "SNMPv2-MIB::sysContact.0", "type": "s", "value": "noc: +1 555 0100"},
                {"oid": ".1.3.6.1.2.1.11.30.0", "type": "i", "value": "2"},
            ],
            "_community": "private",
            "host": "198.51.100.1",
            "protocol": "udp",
            "timeout": "PT3S",
        },
        {
            "schema": 1,
            "dest": "192.0.2.1",
            "version": "3",
            "oidargs": [{"oid": "1.3.6.1.2.1.1.5.0", "type": "s", "value": ""}],
            "host-node": "node.example.org",
            "security-name": "operator",
            "security-level": "authpriv",
            "auth-protocol": "sha",
            "_auth-key": "sign with this",
            "priv-protocol": "aes",
            "_priv-key": "hide with this",
            "context": "bridge",
        },
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.02S",
            "data": [{"type": "STRING", "value": "noc"}, {"value": "", "error": "Not writable"}],
        },
        {"schema": 1, "succeeded": False, "time": "PT2S", "data": [], "error": "No answer", "diags": ""},
    ),
)
