"""snmpget: values of SNMP objects, once or several times over (docs/contract/tests.md, snmpget)."""

import json
from collections.abc import Mapping

from chalicelib.domain import numerals
from chalicelib.domain.documents import load
from chalicelib.domain.metrics import COUNT, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host
from plugins.support import snmp_fields

DEFAULTS: Mapping[str, JSON] = {"polls": 1, "period": 1}
"""What the command line puts into a spec that says nothing of them."""


def read_oids(arguments: list[str]) -> list[JSON]:
    """OIDs as text, or as JSON where they begin as only that does. Raises Invalid."""
    return [load(text, "--oid") if text.startswith(("{", '"')) else text for text in arguments]


def write_oids(oids: list[JSON]) -> list[str]:
    return [text for oid in oids for text in ("--oid", _written(oid))]


def _written(oid: JSON) -> str:
    plain = isinstance(oid, str) and not oid.startswith(("{", '"'))
    return oid if plain else json.dumps(oid)


def amend(given: Spec) -> Spec:
    """The spec with its defaults, and without options that its version does not know: they are ignored."""
    ignored = snmp_fields.strange_members(given)
    return {**DEFAULTS, **{name: value for name, value in given.items() if name not in ignored}}


def show(spec: Spec, result: Result) -> list[Block]:
    """Every value, and the time it all took."""
    return [snmp_fields.table(spec.get("oid", ()), result["data"]), Rows([("Time", result["time"])])]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """The last value of each OID that is a number, under the OID itself."""
    lasts = zip(spec.get("oid", ()), (_last(polls) for polls in result.get("data", ())), strict=False)
    values = [number(f"snmp.{oid}", _numeric(last), COUNT) for oid, last in lasts]
    return present(*values, milliseconds("snmp.time", result.get("time")))


def _last(polls: JSON) -> JSON:
    return (polls[-1] if polls else None) if isinstance(polls, list) else polls


def _numeric(answer: JSON) -> float | None:
    """The number that was got; counters come as text where they are longer than a JSON reader can hold."""
    value = answer.get("value") if isinstance(answer, dict) else None
    if isinstance(value, str):
        return numerals.decimal(value)
    return value if isinstance(value, int | float) else None


# fmt: off
FIELDS = (
    *snmp_fields.WHERE,
    Field("oid", {"type": "array", "items": TYPES["SNMPOID"], "minItems": 1}, "--oid", kind="list", required=True,
          read=read_oids, write=write_oids, label="OIDs", help="OID to get, as numbers or as MIB::name.index; repeat for several"),
    Field("polls", "Integer", "--polls", kind="int", required=True, label="Polls", help="How many times to get them (1)"),
    Field("period", "Integer", "--period", kind="int", label="Period", help="Seconds from one time to the next (1)"),
    *snmp_fields.WHO_MEASURES,
    *snmp_fields.credentials(),
)
# fmt: on

EXAMPLES: tuple[dict[str, JSON], ...] = (
    {
        "schema": 1,
        "dest": "router.example.org",
        "version": "2c",
        "oid": ["1.3.6.1.2.1.1.3.0", "IF-MIB::ifHCInOctets.1"],
        "polls": 1,
        "period": 1,
        "_community": "public",
    },
    {
        "schema": 1,
        "dest": "2001:db8::1",
        "version": "1",
        "oid": [".1.3.6.1.2.1.2.2.1.10.1", {"type": "ObjectIdentity", "value": "1.3.6.1.2.1.1.3.0"}],
        "polls": 3,
        "period": 5,
        "host": "198.51.100.1",
        "host-node": "node.example.org",
        "protocol": "udp",
        "timeout": "PT20S",
        "_community": "secret",
    },
    {
        "schema": 1,
        "dest": "192.0.2.1",
        "version": "3",
        "oid": ["SNMPv2-MIB::sysUpTime.0"],
        "polls": 1,
        "period": 1,
        "security-name": "monitor",
        "security-level": "authPriv",
        "auth-protocol": "SHA",
        "_auth-key": "sign with this",
        "priv-protocol": "AES",
        "_priv-key": "hide with this",
        "context": "bridge",
    },
)
FAILURE: dict[str, JSON] = {
    "schema": 1,
    "succeeded": False,
    "time": "PT6S",
    "data": [],
    "error": "No answer",
    "diags": "",
}

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        # An entry for each OID: what it was, or where there was more than one poll, what it was each time.
        "data": {"type": "array", "items": {"anyOf": [TYPES["SNMPResult"], TYPES["SNMPResultList"]]}},
        "time": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "data", "time"),
)

TEST = Test(
    name="snmpget",
    label="SNMP Get",
    version="1.0.0.3",
    description="Get the values of SNMP objects",
    scheduling_class="background",
    fields=FIELDS,
    rules=snmp_fields.RULES,
    amend=amend,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=EXAMPLES,
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.02S",
            "data": [
                {"timestamp": "2026-11-24T12:00:00+00:00", "type": "TimeTicks", "value": 123456},
                {"timestamp": "2026-11-24T12:00:00+00:00", "value": "NoSuchInstance"},
            ],
        },
        {
            "succeeded": True,
            "time": "PT5.02S",
            "data": [
                [
                    {
                        "seq_num": 0,
                        "timestamp": "2026-11-24T12:00:00+00:00",
                        "type": "Counter32",
                        "value": 1000,
                    },
                    {
                        "seq_num": 1,
                        "timestamp": "2026-11-24T12:00:05+00:00",
                        "type": "Counter32",
                        "value": 1500,
                        "delta": 500,
                        "timedelta": 5.002,
                    },
                ],
                [{"type": "OctetString", "value": "eth0"}],
                ["1.3.6.1.2.1.1"],
            ],
        },
        FAILURE,
    ),
)
