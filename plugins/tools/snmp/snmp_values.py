"""SNMP values: from the library's to those of results, and from the letters of snmpset to the library's."""

import struct
from collections.abc import Callable, Mapping

from chalicelib.domain import numerals
from chalicelib.domain.echoes import shown
from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed
from plugins.tools.snmp import snmp_names

MISSING = ("NoSuchObject", "NoSuchInstance", "EndOfMibView")
"""What stands for a value that is not there; it has no type."""

_NAMES = {"Integer32": "Integer", "ObjectIdentifier": "ObjectIdentity", "ObjectName": "ObjectIdentity"}
_INTEGERS = ("Integer", "TimeTicks", "Unsigned32", "Counter32", "Gauge32", "Counter64")
_PRINTED = {
    "Integer": "INTEGER",
    "OctetString": "STRING",
    "ObjectIdentity": "OID",
    "TimeTicks": "Timeticks",
    "Unsigned32": "Gauge32",  # one and the same on the wire
    "Opaque": "OPAQUE",
    "Bits": "BITS",
    "Null": "NULL",
}


def entry(value: JSON) -> dict[str, JSON]:
    """A value of the library's as ``{type, value}`` (docs/contract/types.md section 6).

    One that is not there has no type. Bytes that are no text come as ``0x`` and digits.
    """
    kind = type(value).__name__
    if kind in MISSING:
        return {"value": kind}
    kind = _NAMES.get(kind, kind)
    return {"type": kind, "value": int(value) if kind in _INTEGERS else value.prettyPrint()}


def printed_entry(value: JSON) -> dict[str, JSON]:
    """The same with the type as the programs of Net-SNMP print it."""
    found = entry(value)
    if "type" not in found:
        return found
    kind, shown = found["type"], found["value"]
    if kind == "OctetString" and shown.startswith("0x") and value.asOctets() != shown.encode():
        return {"type": "Hex-STRING", "value": shown}
    return {"type": _PRINTED.get(kind, kind), "value": shown}


def difference(kind: str | None, new: JSON, old: JSON) -> int | None:
    """How much a value changed; None where that means nothing.

    A Counter32 may have begun again at zero in between; one of 64 bits that went back was reset.
    """
    if kind not in _INTEGERS or not isinstance(old, int):
        return None
    change = int(new) - old
    if kind == "Counter32":
        return change % 2**32
    return None if kind == "Counter64" and change < 0 else change


def to_set(letter: str, text: str) -> JSON:
    """A value for the library, from a type of snmpset and the text of its value. Raises PluginFailed."""
    from pyasn1.error import PyAsn1Error

    try:
        return _KINDS[letter](text)
    except (PyAsn1Error, ValueError, OverflowError, struct.error) as error:
        raise PluginFailed(f"{shown(text)} is not a value of type {letter}") from error


def is_settable(letter: str) -> bool:
    return letter in _KINDS


def _integer(text: str) -> int:
    number = numerals.integer(text, most_digits=20)  # as Counter64 has them
    if number is None:
        raise ValueError(text)
    return number


def _real(text: str) -> float:
    number = numerals.decimal(text)
    if number is None:
        raise ValueError(text)
    return number


def _library(name: str, read: Callable[[str], JSON]) -> Callable[[str], JSON]:
    def make(text: str) -> JSON:
        from pysnmp.proto import rfc1902

        return getattr(rfc1902, name)(read(text))

    return make


def _null(text: str) -> JSON:
    from pysnmp.proto import rfc1902

    return rfc1902.Null("")


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x").removeprefix("0X"))


def _decimal(text: str) -> bytes:
    return bytes(_integer(byte) for byte in text.replace(".", " ").split())


def _bits(text: str) -> bytes:
    """Numbers of bits, 0 being the highest of the first byte (RFC 2578 section 7.1.4)."""
    numbers = {_integer(number) for number in text.replace(",", " ").split()}
    if numbers and not 0 <= min(numbers) <= max(numbers) < 8 * 2**13:
        raise ValueError(text)
    size = max(numbers, default=-1) // 8 + 1
    return sum(1 << (8 * size - 1 - number) for number in numbers).to_bytes(size, "big")


def _opaque(tag: int, content: bytes) -> bytes:
    """What Net-SNMP wraps in an Opaque: numbers that SNMP has no type for."""
    return bytes([0x9F, tag, len(content)]) + content


def _shortest(number: int, signed: bool) -> bytes:
    number.to_bytes(8, "big", signed=signed)  # raises OverflowError where it is too large
    return number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)


_KINDS: Mapping[str, Callable[[str], JSON]] = {
    "i": _library("Integer32", _integer),
    "u": _library("Unsigned32", _integer),
    "c": _library("Counter32", _integer),
    "C": _library("Counter64", _integer),
    "t": _library("TimeTicks", _integer),
    "a": _library("IpAddress", str),
    "o": _library("ObjectIdentifier", snmp_names.number),
    "s": _library("OctetString", str.encode),
    "x": _library("OctetString", _hex),
    "d": _library("OctetString", _decimal),
    "b": _library("OctetString", _bits),
    "n": _null,
    "F": _library("Opaque", lambda text: _opaque(0x78, struct.pack(">f", _real(text)))),
    "D": _library("Opaque", lambda text: _opaque(0x79, struct.pack(">d", _real(text)))),
    "I": _library("Opaque", lambda text: _opaque(0x7A, _shortest(_integer(text), signed=True))),
    "U": _library("Opaque", lambda text: _opaque(0x7B, _shortest(_integer(text), signed=False))),
}
"""The letters of snmpset that need no MIB; ``=``, a MIB's own type, is not among them."""
