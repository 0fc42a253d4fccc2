"""snmpgetbgm: snmpget in the background, with a result every poll (docs/contract/tests.md, snmpgetbgm).

Its specs are snmpget's. The reference checked nothing of them; what it had meant to is checked here.
"""

from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host
from plugins.support import snmp_fields
from plugins.tests import snmpget


def show(spec: Spec, result: Result) -> list[Block]:
    """The time it took, and every value."""
    return [Rows([("Time", result["time"])]), snmp_fields.table(spec.get("oid", ()), result["data"])]


RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "data": {"type": "array", "items": TYPES["SNMPResultList"]},
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("schema", "succeeded", "time", "data"),
)

TEST = Test(
    name="snmpgetbgm",
    label="SNMP Get Background-Multi",
    version="1.0.0.3",
    description="Get the values of SNMP objects in the background, with a result every time",
    scheduling_class="background-multi",
    fields=snmpget.FIELDS,
    rules=snmp_fields.RULES,
    amend=snmpget.amend,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=snmpget.metrics,
    examples=snmpget.EXAMPLES,
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.01S",
            "data": [
                [
                    {
                        "seq_num": 7,
                        "timestamp": "2026-11-24T12:00:07+00:00",
                        "type": "Counter64",
                        "value": 2**63,
                        "delta": 1250,
                        "timedelta": 1.0,
                    }
                ],
                [{"seq_num": 7, "timestamp": "2026-11-24T12:00:07+00:00", "value": "NoSuchObject"}],
            ],
        },
        snmpget.FAILURE,
    ),
)
