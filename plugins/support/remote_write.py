"""Prometheus' remote write, version 1.0: a WriteRequest as Protocol Buffers write it.

The whole message is three kinds of fields, so it is written here instead of by a compiler's output.
https://prometheus.io/docs/specs/prw/remote_write_spec/ has the message and the rules.
"""

import struct
from collections.abc import Iterable, Mapping

LENGTH_DELIMITED, VARINT, FIXED64 = 2, 0, 1
NAME = "__name__"


def write_request(series: Iterable[tuple[str, Mapping[str, str], float, int]]) -> bytes:
    """A WriteRequest of (name, labels, value, milliseconds since 1970), a series with one sample each."""
    return b"".join(
        _message(1, _labels({NAME: name, **labels}) + _message(2, _sample(value, milliseconds)))
        for name, labels, value, milliseconds in series
    )


def _labels(labels: Mapping[str, str]) -> bytes:
    """Sorted by name, as the rules have it; one that is empty is as one that is absent."""
    return b"".join(
        _message(1, _message(1, name.encode()) + _message(2, value.encode()))
        for name, value in sorted(labels.items())
        if value
    )


def _sample(value: float, milliseconds: int) -> bytes:
    return _key(1, FIXED64) + struct.pack("<d", value) + _key(2, VARINT) + _varint(milliseconds)


def _message(field: int, content: bytes) -> bytes:
    return _key(field, LENGTH_DELIMITED) + _varint(len(content)) + content


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; negative numbers as 64-bit ones."""
    left, found = value & 2**64 - 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*found, left])
