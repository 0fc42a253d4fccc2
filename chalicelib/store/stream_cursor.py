"""A cursor in the streams of the tables: how far each shard was read, as a text that is bounded in size.

It holds, for each shard, the start of a digest of its name and the last sequence number read in it: 24 bytes.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import hashlib
import struct
from collections.abc import Iterator, Mapping

from chalicelib.domain.errors import Invalid, Unsupported
from chalicelib.domain.times import EPOCH

MOST_SHARDS = 64
"""Shards a cursor can name; it has 2,100 characters then, and API Gateway takes a request line of 10,000."""
SINCE, START = "since", "start"
"""Places in a shard of which no record was read: at the cursor's ``since``, and at its very start."""

_MARK = "s-"
_HEAD = struct.Struct(">BQQ")
_VERSION = 1
_MICROSECOND = dt.timedelta(microseconds=1)
_DIGEST = 6
_DIGITS = 40
"""Those of the longest sequence number."""
_PLACES = {254: SINCE, 255: START}
_CODES = {place: code for code, place in _PLACES.items()}
_LONGEST = len(_MARK) + (_HEAD.size + MOST_SHARDS * (_DIGEST + 1 + 17)) * 4 // 3 + 4


@dataclasses.dataclass(frozen=True)
class Cursor:
    """How far it was read: ``places`` are sequence numbers, SINCE or START, by the shards' names.

    since  where reading began
    at     when it was read so far
    """

    since: dt.datetime
    at: dt.datetime
    places: Mapping[bytes, str]

    def pack(self) -> str:
        """The text. Raises Unsupported where there are more shards than it can name."""
        if len(self.places) > MOST_SHARDS:
            raise Unsupported(
                f"The tables have more than {MOST_SHARDS} shards; events can be read from at most that many"
            )
        head = _HEAD.pack(_VERSION, *((moment - EPOCH) // _MICROSECOND for moment in (self.since, self.at)))
        places = b"".join(name + _packed(place) for name, place in sorted(self.places.items()))
        return _MARK + base64.urlsafe_b64encode(head + places).decode().rstrip("=")


def unpack(text: str) -> Cursor:
    """A text as a cursor. Raises Invalid."""
    if not text.startswith(_MARK) or len(text) > _LONGEST:
        raise _no_cursor()
    try:
        bare = text[len(_MARK) :]
        content = base64.b64decode(bare + "=" * (-len(bare) % 4), b"-_", validate=True)
        version, *moments = _HEAD.unpack_from(content)
        since, at = (EPOCH + moment * _MICROSECOND for moment in moments)
        places = dict(_places(content[_HEAD.size :]))
    except (binascii.Error, ValueError, IndexError, OverflowError, struct.error) as error:
        raise _no_cursor() from error
    if version != _VERSION:
        raise _no_cursor()
    return Cursor(since, at, places)


def name_of(stream: str, shard: str) -> bytes:
    """What a cursor calls a shard of a stream."""
    return hashlib.sha256(f"{stream}|{shard}".encode()).digest()[:_DIGEST]


def _packed(place: str) -> bytes:
    if place in _CODES:
        return bytes([_CODES[place]])
    return bytes([len(place)]) + int(place).to_bytes(_size(len(place)), "big")


def _places(content: bytes) -> Iterator[tuple[bytes, str]]:
    while content:
        name, code = content[:_DIGEST], content[_DIGEST]
        content = content[_DIGEST + 1 :]
        if code in _PLACES:
            yield name, _PLACES[code]
            continue
        size = _size(code)
        number = int.from_bytes(content[:size], "big")
        if not 0 < code <= _DIGITS or len(content) < size or number >= 10**code:
            raise ValueError("no sequence number")
        yield name, f"{number:0{code}}"
        content = content[size:]


def _size(digits: int) -> int:
    """Bytes that a number of so many digits takes."""
    largest: int = 10**digits - 1
    return (largest.bit_length() + 7) // 8


def _no_cursor() -> Invalid:
    return Invalid("since: must be the cursor of an earlier answer")
