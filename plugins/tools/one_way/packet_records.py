"""Packets as the OWAMP family notes them: when sent and received, by whose clock, with what TTL.

Time stamps are those of NTP: 32 bits of seconds since 1900, 32 bits of their fractions (RFC 4656 section
4.1.2, RFC 8762 section 4.2.1). They begin anew in 2036, so only differences are looked at.
"""

import dataclasses
from collections.abc import Sequence
from decimal import Decimal

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.tools.one_way.packet_summary import BUCKET_WIDTH, Packet, measures_way_back, summary

_UNIX_EPOCH = 2208988800
"""Seconds from 1900 to 1970."""
_FRACTIONS = 2**32
_SECOND = 10**9  # in nanoseconds


@dataclasses.dataclass(frozen=True)
class Stamp:
    """A moment, by a clock that is synchronized or not; ``error`` is by how many seconds it may be off."""

    time: int
    synchronized: bool
    error: float | None = None


@dataclasses.dataclass(frozen=True)
class Record:
    """One packet; a lost one was received at time 0."""

    seq: int
    sent: Stamp
    received: Stamp
    ttl: int

    @property
    def is_lost(self) -> bool:
        return self.received.time == 0

    def packet(self) -> Packet:
        if self.is_lost:
            return Packet(self.seq, None)
        errors = (self.sent.error, self.received.error)
        known = [error for error in errors if error is not None]
        return Packet(
            seq=self.seq,
            delay=elapsed(self.sent.time, self.received.time),
            ttl=self.ttl,
            clock_error=sum(known) if len(known) == 2 else None,
        )

    def raw(self) -> dict[str, JSON]:
        """A member of ``raw-packets``."""
        members = {
            "seq-num": self.seq,
            "src-ts": self.sent.time,
            "src-clock-sync": self.sent.synchronized,
            "src-clock-err": self.sent.error,
            "dst-ts": self.received.time,
            "dst-clock-sync": self.received.synchronized,
            "dst-clock-err": self.received.error,
            "ip-ttl": self.ttl,
        }
        return {name: value for name, value in members.items() if value is not None}


Trip = tuple[Record, Record]
"""A packet on its way there and on its way back."""


def elapsed(begin: int, end: int) -> Decimal:
    """Seconds from one time stamp to another, negative when that is the shorter way round."""
    ticks = (end - begin + 2**63) % 2**64 - 2**63
    return Decimal(ticks) / _FRACTIONS


def from_unix(nanoseconds: int) -> int:
    """Nanoseconds since 1970 -> time stamp."""
    seconds, rest = divmod(nanoseconds, _SECOND)
    return (seconds + _UNIX_EPOCH) % _FRACTIONS * _FRACTIONS + rest * _FRACTIONS // _SECOND


def result(records: Sequence[Record], spec: Spec) -> dict[str, JSON]:
    """The result of a measurement that yielded these records, in the order they arrived in."""
    counted = summary([record.packet() for record in records], spec.get("bucket-width", BUCKET_WIDTH))
    raw = {"raw-packets": [record.raw() for record in records]} if spec.get("output-raw") else {}
    return {"schema": 1, "succeeded": True, **counted, **raw}


def one_way(trips: Sequence[Trip], spec: Spec) -> dict[str, JSON]:
    """The result of a measurement both ways: that of the way that is asked for."""
    way = 1 if measures_way_back(spec) else 0
    return result([trip[way] for trip in trips], spec)
