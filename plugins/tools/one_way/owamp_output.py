"""What owping, owstats and twping print with -R -> records of packets.

The form is that of perfSONAR's owamp 4 and 5, by its manual pages owping(1) and twping(1) and
docs/contract/tools.md section 5. A line is one packet::

    owping, owstats   SEQ SENT SYNC ERR RECEIVED SYNC ERR TTL
    twping            the same for the way there, followed by the same for the way back

SEQ, times and TTL are whole numbers, SYNC is 0 or 1, ERR is a number such as 1.5e-05, or nothing. Lines
of any other form say nothing about packets.
"""

import math
import re
from collections.abc import Sequence
from typing import TypeVar

from plugins.sdk.jobs import PluginFailed
from plugins.tools.one_way.packet_records import Record, Stamp, Trip

_STAMP = r"([0-9]{1,20}) ([01]) ([-+.0-9e]{0,20})"
_WAY = rf"([0-9]{{1,10}}) {_STAMP} {_STAMP} ([0-9]{{1,3}})"
_ONE_WAY = re.compile(rf"{_WAY}\s*")
_TWO_WAY = re.compile(rf"{_WAY} {_WAY}\s*")
_FIELDS = 8
"""Of each way."""
_HIGHEST_TIME, _HIGHEST_TTL = 2**64 - 1, 255

Noted = TypeVar("Noted", Record, Trip)


def parse_one_way(output: str) -> list[Record]:
    """The packets in the order printed. Raises PluginFailed where there are none."""
    lines = map(_ONE_WAY.fullmatch, output.splitlines())
    records = [_record(line.groups()) for line in lines if line]
    return _some([record for record in records if record], output)


def parse_two_way(output: str) -> list[Trip]:
    """The packets in the order printed, both ways. Raises PluginFailed where there are none."""
    lines = map(_TWO_WAY.fullmatch, output.splitlines())
    ways = [(_record(line.groups()[:_FIELDS]), _record(line.groups()[_FIELDS:])) for line in lines if line]
    return _some([(there, back) for there, back in ways if there and back], output)


def _some(packets: list[Noted], output: str) -> list[Noted]:
    if not packets:
        raise PluginFailed("The program printed no packets", output)
    return packets


def _record(fields: Sequence[str]) -> Record | None:
    """None where a number is beyond what it stands for."""
    sequence, sent, received, ttl = fields[0], fields[1:4], fields[4:7], fields[7]
    if max(int(sent[0]), int(received[0])) > _HIGHEST_TIME or int(ttl) > _HIGHEST_TTL:
        return None
    return Record(int(sequence), _stamp(sent), _stamp(received), int(ttl))


def _stamp(fields: Sequence[str]) -> Stamp:
    time, synchronized, error = fields
    return Stamp(int(time), synchronized == "1", _error(error))


def _error(text: str) -> float | None:
    try:
        error = float(text)
    except ValueError:
        return None
    return error if math.isfinite(error) else None
