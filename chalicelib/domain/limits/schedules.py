"""When a run is: the limits run-daterange and run-schedule (docs/contract/limits.md section 7).

Their quirks are the reference's: policies rely on them. A run ending exactly at the end of a range is
outside; a run that crosses a boundary of a cycle counts as lying in the rest of the cycle and in its
lowest numbers alone, 0 among them.
"""

import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

import isodate

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.schemas import JSON, closed, integer
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES


class Span(NamedTuple):
    """A run's start and end, in the time zone it was given in."""

    start: dt.datetime
    end: dt.datetime


class Cycle(NamedTuple):
    """A field of a date: its highest and lowest number, and where a range of it may be between."""

    lowest: int
    highest: int
    allowed: tuple[int, int]


CYCLES = {
    "year": Cycle(1, 294276, (1, 294276)),
    "month": Cycle(1, 12, (1, 12)),
    "week": Cycle(1, 53, (1, 53)),
    "weekday": Cycle(1, 7, (0, 7)),
    "day": Cycle(1, 31, (1, 31)),
    "hour": Cycle(0, 23, (0, 23)),
    "minute": Cycle(0, 59, (0, 59)),
    "second": Cycle(0, 59, (0, 59)),
}

DATERANGE = closed(
    {"start": TYPES["Timestamp"], "end": TYPES["Timestamp"], "overlap": TYPES["Boolean"]}, ("start", "end")
)


def _field(cycle: Cycle) -> dict[str, JSON]:
    number = integer(*cycle.allowed)
    pair = closed({"lower": number, "upper": number}, ("lower", "upper"))
    low, high = cycle.allowed
    message = f"{{value!r}} is neither a number from {low} to {high} nor a lower and an upper one"
    return {"type": "array", "maxItems": 1000, "items": {"anyOf": [number, pair], "x-message": message}}


SCHEDULE = closed({**{name: _field(cycle) for name, cycle in CYCLES.items()}, "overlap": TYPES["Boolean"]})


def span_of(run_schedule: JSON) -> Span:
    """When a run is. Raises Invalid for what says no start and duration."""
    if not isinstance(run_schedule, Mapping):
        raise Invalid("run_schedule must be an object")
    start, length = run_schedule.get("start"), run_schedule.get("duration")
    if not isinstance(start, str) or not isinstance(length, str):
        raise Invalid("run_schedule must have a start and a duration")
    return _span(start, length)


@functools.lru_cache(maxsize=64)
def _span(start: str, length: str) -> Span:
    # Each of a policy's limits asks for the same one.
    begin = _moment(start)
    try:
        return Span(begin, begin + parse_duration(length))
    except OverflowError as error:
        raise Invalid("run_schedule is outside the calendar") from error


_DATE_ONLY = re.compile(r"[^T]*\Z")


def _moment(text: str) -> dt.datetime:
    """A timestamp with its own zone, or without any. Raises Invalid; it needs a time of day."""
    if len(text) > 100 or _DATE_ONLY.match(text):
        raise Invalid(f"{shown(text)} is not a date and time such as 2026-11-23T12:00:00Z")
    try:
        moment: dt.datetime = isodate.parse_datetime(text)
        moment.utcoffset()
    except (isodate.ISO8601Error, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid(f"{shown(text)} is not a date and time such as 2026-11-23T12:00:00Z") from error
    return moment


@dataclasses.dataclass(frozen=True)
class DateRange:
    start: dt.datetime
    end: dt.datetime
    overlap: bool

    def complaints(self, run: Span) -> list[str]:
        """Why a run is not in the range; nothing when it is. Raises Invalid for what cannot be compared."""
        try:
            inside = run.start >= self.start and run.end < self.end
            crosses = run.start <= self.start < run.end or run.start <= self.end < run.end
        except TypeError as error:
            raise Invalid("The run and the range must both have a time zone, or neither") from error
        if inside or (self.overlap and crosses):
            return []
        return [f"The run is not between {self.start.isoformat()} and {self.end.isoformat()}"]


def date_range(data: Mapping[str, JSON], pointer: str, jq: Jq) -> DateRange:
    """What checked data says. Raises Invalid."""
    ends = {}
    for name in ("start", "end"):
        try:
            ends[name] = _moment(data[name])
        except Invalid as error:
            raise error.inside(f"{pointer}/{name}") from error
    try:
        is_backwards = ends["end"] < ends["start"]
    except TypeError as error:
        raise Invalid("must have a time zone if start has one, and none if not", f"{pointer}/end") from error
    if is_backwards:
        raise Invalid("must not be before start", f"{pointer}/end")
    return DateRange(ends["start"], ends["end"], data.get("overlap", False))


@dataclasses.dataclass(frozen=True)
class CalendarFields:
    """What each field of a date may be; ``fields`` has numbers and pairs of them."""

    fields: Mapping[str, tuple[tuple[int, int], ...]]
    overlap: bool

    def complaints(self, run: Span) -> list[str]:
        """Which fields of a run are outside."""
        first, last = _fields(run.start), _fields(run.end)
        return [
            f"The {name} does not match"
            for name, wanted in self.fields.items()
            if not self._matches(_lain_in(CYCLES[name], first[name], last[name]), wanted)
        ]

    def _matches(self, lain_in: list[tuple[int, int]], wanted: tuple[tuple[int, int], ...]) -> bool:
        if self.overlap:
            return any(low <= high_w and low_w <= high for low, high in lain_in for low_w, high_w in wanted)
        return all(_covered(low, high, wanted) for low, high in lain_in)


def calendar_fields(data: Mapping[str, JSON], pointer: str, jq: Jq) -> CalendarFields:
    """What checked data says; a range with its upper number below the lower is empty."""
    fields = {name: tuple(_pairs(data[name])) for name in CYCLES if name in data}
    return CalendarFields(fields, data.get("overlap", False))


def _pairs(entries: list[JSON]) -> list[tuple[int, int]]:
    pairs = [(one["lower"], one["upper"]) if isinstance(one, dict) else (one, one) for one in entries]
    return [(int(low), int(high)) for low, high in pairs if low <= high]


def _fields(moment: dt.datetime) -> dict[str, int]:
    week = moment.isocalendar()[1]
    plain = {name: getattr(moment, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    return {**plain, "week": week, "weekday": moment.isoweekday()}


def _lain_in(cycle: Cycle, first: int, last: int) -> list[tuple[int, int]]:
    """The numbers a run lies in, as the reference counts them where a cycle begins anew."""
    return [(first, last)] if last >= first else [(first, cycle.highest), (0, cycle.lowest)]


def _covered(low: int, high: int, pairs: tuple[tuple[int, int], ...]) -> bool:
    """Whether every number from low to high is in one of the pairs."""
    for lower, upper in sorted(pairs):
        if lower > low:
            break
        low = max(low, upper + 1)
        if low > high:
            return True
    return low > high
