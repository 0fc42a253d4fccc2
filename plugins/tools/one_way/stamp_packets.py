"""The packets of STAMP, the Simple Two-way Active Measurement Protocol, in unauthenticated mode.

The sender's has 44 octets (RFC 8762 section 4.2.1), and so has the reflector's (section 4.3.1)::

    sender      number 4, time sent 8, error estimate 2, zero 30
    reflector   number 4, time sent 8, error estimate 2, zero 2, time received 8,
                the sender's number 4, time 8, and error estimate 2, zero 2, its TTL 1, zero 3

A longer packet goes on with type-length-value fields (RFC 8972); padding is one of them. A reflector that
knows none of them sends them back as they are, marked as not understood, as the sender marked them.
"""

import dataclasses
import math
import struct

from plugins.tools.one_way.packet_records import Record, Stamp

PORT = 862
"""Where reflectors wait, unless they are told otherwise (RFC 8762 section 4.1)."""
SIZE = 44
HIGHEST_NUMBER = 2**32 - 1

_REQUEST = struct.Struct(">IQH30x")
_REPLY = struct.Struct(">IQH2xQIQH2xB3x")
_FIELD = struct.Struct(">BBH")
_UNRECOGNIZED, _EXTRA_PADDING = 0x80, 1

_SYNCHRONIZED, _PTP = 0x8000, 0x4000
_HIGHEST_SCALE, _HIGHEST_MULTIPLIER = 63, 255
_HIGHEST_ERROR = _HIGHEST_MULTIPLIER * 2.0 ** (_HIGHEST_SCALE - 32)
_UNKNOWN = 32 << 8 | 1
"""One second: an estimate must say something, and that a clock is not synchronized tells enough."""


def encode_estimate(synchronized: bool, error: float) -> int:
    """An error estimate: no less than ``error`` seconds, where the clock is synchronized.

    It is a multiplier of 8 bits and a scale of 6, meaning multiplier * 2 ** (scale - 32) seconds
    (RFC 4656 section 4.1.2).
    """
    if not synchronized:
        return _UNKNOWN
    ticks = max(1, math.ceil(min(abs(error), _HIGHEST_ERROR) * 2**32))
    scale = max(0, ticks.bit_length() - 8)
    multiplier = -(-ticks >> scale)  # rounded up
    if multiplier > _HIGHEST_MULTIPLIER:
        scale, multiplier = scale + 1, 128
    return _SYNCHRONIZED | scale << 8 | multiplier


def decode_estimate(estimate: int) -> tuple[bool, float | None]:
    """Whether a clock is synchronized, and by how many seconds it may be off, None where it is not."""
    scale, multiplier = estimate >> 8 & _HIGHEST_SCALE, estimate & _HIGHEST_MULTIPLIER
    if not estimate & _SYNCHRONIZED:
        return False, None
    return True, multiplier * 2.0 ** (scale - 32)


def _stamp(time: int, estimate: int) -> Stamp:
    return Stamp(time, *decode_estimate(estimate))


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a reflector sent back: the packet on its way there, and what is known of its way back."""

    there: Record
    number: int
    sent: Stamp
    in_ptp_time: bool

    def back(self, received: Stamp, ttl: int) -> Record:
        return Record(self.number, self.sent, received, ttl)


def request(number: int, sent: int, estimate: int, padding: int = 0) -> bytes:
    """The sender's packet, with so many octets more, which are none or at least four."""
    return _REQUEST.pack(number, sent, estimate) + _padding(padding)


def _padding(octets: int) -> bytes:
    """Extra padding (RFC 8972 section 4.1), in as many fields as it takes."""
    if not octets:
        return b""
    length = octets - _FIELD.size
    return _FIELD.pack(_UNRECOGNIZED, _EXTRA_PADDING, length) + bytes(length)


def reflect(packet: bytes, received: int, sent: int, estimate: int, ttl: int) -> bytes | None:
    """The stateless reflector's answer, of the same number and length; None to what is no request.

    A packet that is too short is not answered: an answer longer than what it answers would let others
    use a reflector to flood their victims.
    """
    if len(packet) < SIZE:
        return None
    number, its_time, its_estimate = _REQUEST.unpack_from(packet)
    answer = _REPLY.pack(number, sent, estimate, received, number, its_time, its_estimate, ttl)
    return answer + packet[SIZE:]


def read_reply(packet: bytes) -> Reply | None:
    """None for what is too short to be one."""
    if len(packet) < SIZE:
        return None
    number, sent, estimate, received, its_number, its_time, its_estimate, ttl = _REPLY.unpack_from(packet)
    there = Record(its_number, _stamp(its_time, its_estimate), _stamp(received, estimate), ttl)
    return Reply(there, number, _stamp(sent, estimate), bool(estimate & _PTP))
