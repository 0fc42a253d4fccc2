"""net-snmp-set: performs snmpset as the program of Net-SNMP would, without it
(docs/contract/tools.md section 2).

Types of values are the letters of that program, and results name types as it prints them.
"""

import datetime as dt
import time

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, wrapped
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.tools.snmp import snmp_names, snmp_session, snmp_values

TIMEOUT = 2 * SECOND
MARGIN = 2 * SECOND


def longest(spec: Spec) -> dt.timedelta:
    """The time in which the agent must have answered: so much for every object."""
    each = parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT
    return each * len(spec["oidargs"])


def duration(test: str, spec: Spec) -> dt.timedelta:
    return longest(spec) + MARGIN


def declines(test: str, spec: Spec) -> list[str]:
    letters = sorted({one["type"] for one in spec["oidargs"]})
    unknown = [letter for letter in letters if not snmp_values.is_settable(letter)]
    reasons = [f"Cannot set values of the type {letter}" for letter in unknown]
    return [*reasons, *snmp_session.refusals(spec)]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the agent would not, or did not answer."""
    address, oidargs = host_lookup.resolve(job.spec["dest"]), job.spec["oidargs"]
    oids = snmp_names.numbers(one["oid"] for one in oidargs)
    values = [snmp_values.to_set(one["type"], one["value"]) for one in oidargs]
    with snmp_session.session(job.spec, address) as session:
        job.wait_for_start()
        begun = time.monotonic()
        now = session.set(list(zip(oids, values, strict=True)), longest(job.spec).total_seconds())
        taken = dt.timedelta(seconds=time.monotonic() - begun)
    data = [snmp_values.printed_entry(value) for value in now]
    result = {"schema": 1, "succeeded": True, "time": format_duration(taken), "data": data}
    return wrapped(result, f"Set {', '.join(oids)} at {address}")


TOOL = Tool(
    name="net-snmp-set",
    label="Net SNMP Set",
    description="Set the values of SNMP objects as snmpset does",
    tests=("snmpset",),
    max_schema=1,
    declines=declines,
    here=lambda test, spec: snmp_session.unable(spec),
    duration=duration,
    run=run,
)
