"""Names of SNMP objects -> their numbers.

The library brings the MIBs of SNMP itself, and reads more where PYSNMP_MIB_DIRS names folders of them.
The one that network measurement is mostly about, IF-MIB (RFC 2863), is not among them and stands here.
"""

import functools
import re
import threading
from collections.abc import Iterable, Mapping

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

_IF_ENTRY, _IF_X_ENTRY = (1, 3, 6, 1, 2, 1, 2, 2, 1), (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
_IF_COLUMNS = (  # the order is that of their numbers
    "ifIndex ifDescr ifType ifMtu ifSpeed ifPhysAddress ifAdminStatus ifOperStatus ifLastChange ifInOctets "
    "ifInUcastPkts ifInNUcastPkts ifInDiscards ifInErrors ifInUnknownProtos ifOutOctets ifOutUcastPkts "
    "ifOutNUcastPkts ifOutDiscards ifOutErrors ifOutQLen ifSpecific"
)
_IF_X_COLUMNS = (
    "ifName ifInMulticastPkts ifInBroadcastPkts ifOutMulticastPkts ifOutBroadcastPkts ifHCInOctets "
    "ifHCInUcastPkts ifHCInMulticastPkts ifHCInBroadcastPkts ifHCOutOctets ifHCOutUcastPkts "
    "ifHCOutMulticastPkts ifHCOutBroadcastPkts ifLinkUpDownTrapEnable ifHighSpeed ifPromiscuousMode "
    "ifConnectorPresent ifAlias ifCounterDiscontinuityTime"
)

IF_MIB: Mapping[str, tuple[int, ...]] = {
    "ifNumber": (1, 3, 6, 1, 2, 1, 2, 1),
    **{name: (*_IF_ENTRY, column) for column, name in enumerate(_IF_COLUMNS.split(), start=1)},
    **{name: (*_IF_X_ENTRY, column) for column, name in enumerate(_IF_X_COLUMNS.split(), start=1)},
}
COMMON_MIBS = ("SNMPv2-MIB", "SNMPv2-SMI", "SNMP-FRAMEWORK-MIB")
"""Where a name without a MIB is looked for, besides IF-MIB."""

_NUMERIC = re.compile(r"(?:\.?[0-9])+")
# A MIB is a file of Python that is run, so nothing but a plain name may get near it.
_NAMED = re.compile(
    r"(?:(?P<mib>[A-Za-z][A-Za-z0-9-]*)::)?\.?(?:[A-Za-z][\w-]*\.)*(?P<name>[A-Za-z][\w-]*)(?P<index>(?:\.[0-9]+)*)",
    re.ASCII,
)


def numbers(oids: Iterable[JSON]) -> list[str]:
    """OIDs as a spec has them -> ``1.3.6...`` each. Raises PluginFailed for a name that is not known."""
    return [number(oid["value"] if isinstance(oid, dict) else oid) for oid in oids]


def number(oid: str) -> str:
    """``1.3.6``, ``.1.3.6``, ``MIB::name.index`` or ``name.index`` -> ``1.3.6``. Raises PluginFailed."""
    if _NUMERIC.fullmatch(oid):
        return oid.lstrip(".")
    named = _NAMED.fullmatch(oid)
    if not named:
        raise PluginFailed(f"{oid} is not an OID: neither numbers nor MIB::name.index")
    found = _look_up(named["mib"], named["name"])
    return ".".join(map(str, found)) + named["index"]


def _look_up(mib: str | None, name: str) -> tuple[int, ...]:
    if mib in (None, "IF-MIB") and name in IF_MIB:
        return IF_MIB[name]
    with _LOADING:
        for module in [mib] if mib else COMMON_MIBS:
            found = _in_module(_library(), module, name)
            if found:
                return found
    where = f"The MIB {mib}, as far as it is known here," if mib else "The MIBs known here"
    raise PluginFailed(f"{where} has no object {name}: give its OID in numbers")


_LOADING = threading.Lock()


@functools.cache
def _library() -> JSON:
    """The MIBs that were read so far: reading one takes longer than a measurement."""
    from pysnmp.smi import builder

    return builder.MibBuilder()


def _in_module(library: JSON, mib: str, name: str) -> tuple[int, ...] | None:
    from pysnmp.error import PySnmpError

    try:
        (symbol,) = library.import_symbols(mib, name)
        return tuple(symbol.getName())
    except (PySnmpError, AttributeError, TypeError):  # the latter two: it is a type, not an object
        return None
