"""snmptrap: tells of each result by an SNMP trap (docs/contract/archivers.md section 6).

The trap has the variables that the settings give it; the result itself is not sent. Nobody answers a trap,
so it counts once it was sent, and what keeps it from being sent is final.
"""

from collections.abc import Mapping, Sequence

from chalicelib.domain.schemas import JSON, MESSAGE, closed, integer
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, PluginFailed
from plugins.support import guarded_connections, host_lookup, snmp_fields
from plugins.support.secrets import without_secrets
from plugins.tools.snmp import snmp_names, snmp_session

PORT = 162
TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
"""snmpTrapOID.0, the variable that says which trap it is (RFC 3416 section 4.2.6)."""
PATIENCE = 5.0
"""Seconds for the socket to open."""
ENGINE = bytes.fromhex("80004fb804") + b"pscheduler"
"""The snmpEngineID of what is sent: text (format 4), under the enterprise that the library is registered as
(RFC 3411, SnmpEngineID)."""
CLOCK_BEGINS = 1_577_836_800
"""2020, in seconds since 1970: an engine's time has 31 bits."""

_VARBIND = closed({"oid": TYPES["String"], "value": {"type": ["integer", "string"]}}, ("oid", "value"))
_USER = {
    "security-name": TYPES["String"],
    "auth-protocol": {"enum": snmp_fields.either_case(snmp_fields.AUTH_PROTOCOLS)},
    "priv-protocol": {"enum": snmp_fields.either_case(snmp_fields.PRIV_PROTOCOLS)},
    "_auth-key": TYPES["String"],
    "_priv-key": TYPES["String"],
    "security-level": {"enum": snmp_fields.either_case(snmp_fields.SECURITY_LEVELS)},
}
MEMBERS = {
    "schema": TYPES["Cardinal"],
    "dest": TYPES["Host"],
    "trap-oid": TYPES["String"],
    "trap-varbinds": {"type": "array", "items": _VARBIND},
    "instance-index": {"anyOf": [integer(0), {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)*\Z"}]},
    "_community": TYPES["String"],
    **_USER,
}
_ONE_OR_THE_OTHER = {
    "anyOf": [{"required": ["_community"]}, {"required": ["security-name"]}],
    MESSAGE: "needs _community, for version 2c of SNMP, or security-name, for version 3",
}
_ALONE: dict[str, JSON] = {"not": {}, MESSAGE: "cannot be combined with _community"}
_NOT_BOTH = {
    "if": {"required": ["_community"]},
    "then": {"properties": dict.fromkeys(_USER, _ALONE)},
}

Variable = tuple[str, JSON]


def deliver(parcel: Parcel, port: int = PORT) -> Outcome:
    """Send the trap; a name, a key or an address that cannot be used is a failure for good."""
    from pyasn1.error import PyAsn1Error

    spec = {**parcel.data, "version": "2c" if "_community" in parcel.data else "3"}
    reasons = [*snmp_session.refusals(spec), *snmp_session.unable(spec)]
    if reasons:
        return Outcome(False, "; ".join(reasons))
    try:
        address = host_lookup.resolve(spec["dest"])
        guarded_connections.check(
            address, port
        )  # the library makes its own sockets, and looks an address up no more
        _send(spec, variables(spec), address, port)
    except (PluginFailed, PyAsn1Error, OSError, ValueError, OverflowError) as error:
        said = without_secrets(str(error) or type(error).__name__, spec)
        return Outcome(False, said[: snmp_session.LONGEST_TROUBLE])
    return Outcome(True)


def variables(data: Mapping[str, JSON]) -> list[Variable]:
    """The OIDs and values of a trap, in numbers, the trap's own first. Raises PluginFailed."""
    from pysnmp.proto import rfc1902

    index = f".{data['instance-index']}" if "instance-index" in data else ""
    given = [(indexed(bind["oid"], index), _value(bind["value"])) for bind in data.get("trap-varbinds", ())]
    return [(TRAP_OID, rfc1902.ObjectIdentifier(snmp_names.number(data["trap-oid"]))), *given]


def indexed(oid: str, index: str) -> str:
    """An OID in numbers, with the index where it is a name that has none. Raises PluginFailed."""
    last = oid.rpartition(".")[2]
    return snmp_names.number(oid) + ("" if last.isdecimal() else index)


def _value(value: int | str) -> JSON:
    from pysnmp.proto import rfc1902

    return rfc1902.OctetString(value.encode()) if isinstance(value, str) else rfc1902.Integer32(value)


def _send(
    spec: Mapping[str, JSON], values: Sequence[Variable], address: host_lookup.Address, port: int
) -> None:
    import asyncio

    from pysnmp.hlapi.v3arch import asyncio as snmp

    async def sending() -> None:
        engine = known_engine(snmp.SnmpEngine())
        over = snmp.UdpTransportTarget if address.version == 4 else snmp.Udp6TransportTarget
        try:
            where = await over.create((str(address), port))
            credentials = snmp_session.credentials(snmp, spec)
            objects = [snmp.ObjectType(snmp.ObjectIdentity(oid), value) for oid, value in values]
            await snmp.send_notification(engine, credentials, where, snmp.ContextData(), "trap", *objects)
            await asyncio.wait_for(_opened(where.transport), PATIENCE)
        finally:
            engine.close_dispatcher()
            await asyncio.sleep(0)  # what was told to end comes to its end

    asyncio.run(sending())


def known_engine(engine: JSON) -> JSON:
    """The library's engine under an identifier that receivers can be told of, with a clock to go with it.

    Who sends a trap of version 3 is its authority: receivers know its users by its identifier, and refuse
    what comes from an engine whose clock went back (RFC 3414 sections 2.2 and 3.2). The library would invent
    an identifier each time. With the world's time as the clock, all functions and nodes are one engine.
    """
    names = ("snmpEngineID", "snmpEngineBoots", "snmpEngineTime")
    identifier, boots, clock = engine.get_mib_builder().import_symbols("__SNMP-FRAMEWORK-MIB", *names)
    identifier.syntax = engine.snmpEngineID = identifier.syntax.clone(ENGINE)
    boots.syntax = type(boots.syntax)(1)
    clock.syntax = type(clock.syntax)(CLOCK_BEGINS)  # since when the library counts
    return engine


async def _opened(transport: JSON) -> None:
    # The library keeps what it is to send until its socket is there, and does not tell when it is.
    import asyncio

    while transport.transport is None:
        await asyncio.sleep(0.001)


ARCHIVER = Archiver(
    name="snmptrap",
    label="SNMP Trap",
    description="Send results as SNMP traps",
    version="1.0.0.3",
    data={1: {**closed(MEMBERS, ("dest", "trap-oid")), "allOf": [_ONE_OR_THE_OTHER, _NOT_BOTH]}},
    deliver=deliver,
)
