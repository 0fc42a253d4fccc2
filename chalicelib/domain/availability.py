"""How much of a stretch of time is still free, class by class."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

from chalicelib.domain.conflicts import ANYTIME, EXCLUSIVE, NORMAL, Occupation, Range
from chalicelib.domain.times import ZERO


@dataclasses.dataclass(frozen=True)
class Free:
    """What is free of a span: all in all, and the longest piece of it."""

    total: dt.timedelta
    longest: dt.timedelta
    percent: float


def free_by_class(entries: Sequence[Occupation], span: Range) -> dict[str, Free]:
    """What runs of each class could still have of a span, priorities aside.

    Exclusive runs need time nobody has, normal ones time without an exclusive run; those of the other
    classes can have any.
    """
    exclusives = [entry for entry in entries if entry.exclusive]
    return {
        EXCLUSIVE: _free(gaps(entries, span), span),
        NORMAL: _free(gaps(exclusives, span), span),
        **{name: _free([span], span) for name in sorted(ANYTIME)},
    }


def fraction_free(entries: Sequence[Occupation], span: Range) -> float:
    """The part of a span without an exclusive run, from 0 to 1."""
    free = gaps([entry for entry in entries if entry.exclusive], span)
    return sum((piece.length for piece in free), ZERO) / span.length


def _free(pieces: Iterable[Range], span: Range) -> Free:
    lengths = [piece.length for piece in pieces]
    total = sum(lengths, ZERO)
    return Free(total, max(lengths, default=ZERO), round(100 * (total / span.length), 3))


def gaps(entries: Iterable[Occupation], span: Range) -> list[Range]:
    """The pieces of a span that no occupation touches, in order."""
    lower, pieces = span.lower, []
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start >= span.upper:
            break
        if entry.start > lower:
            pieces.append(Range(lower, entry.start))
        lower = max(lower, entry.end)
    if lower < span.upper:
        pieces.append(Range(lower, span.upper))
    return pieces
