"""Durations, timestamps and the schedule's whole-second arithmetic.

All instants are aware datetimes in UTC; all durations are timedeltas. The formats are those of
docs/contract/types.md section 2; starts are cut to the second and durations rounded up to it
(docs/contract/scheduler.md section 1).
"""

import contextlib
import datetime as dt
import functools
import math
import re

import isodate

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
SECOND = dt.timedelta(seconds=1)
INSTANT = dt.timedelta.resolution
"""What lies between two instants that follow each other: bounds of queries hold their ends."""
ZERO = dt.timedelta(0)
LONGEST_DURATION = dt.timedelta(days=36525)

_ALIGNED = re.compile(r"^@(?:R\d*/)?(P.*)$")
_PLAIN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)", re.ASCII)
"""An instant as it is written here; isodate takes forty times as long to read it."""


def parse_duration(text: str) -> dt.timedelta:
    """ISO 8601 text -> timedelta.

    Raises Invalid for anything else, for calendar units (years, months) and beyond a century.
    """
    if text == "PT":
        return ZERO  # passes the type and reads as nothing (docs/contract/types.md section 2)
    if not isinstance(text, str):
        raise Invalid(f"{shown(text)} is not an ISO 8601 duration")
    return _parsed_duration(text)


@functools.lru_cache(maxsize=1024)
def _parsed_duration(text: str) -> dt.timedelta:
    """The same; most durations are the same few, and a task has four."""
    try:
        value = isodate.parse_duration(text)
    except (isodate.ISO8601Error, TypeError, ValueError, OverflowError) as error:
        raise Invalid(f"{shown(text)} is not an ISO 8601 duration") from error
    if not isinstance(value, dt.timedelta):
        raise Invalid(f"{shown(text)} has years or months, which have no fixed length")
    if abs(value) > LONGEST_DURATION:
        raise Invalid(f"{shown(text)} is longer than a century")
    return value


@functools.lru_cache(maxsize=1024)
def format_duration(value: dt.timedelta) -> str:
    """timedelta -> canonical ISO 8601 text: 90 s is ``PT1M30S``, a day ``P1D``, nothing ``P0D``."""
    return str(isodate.duration_isoformat(value))


def parse_timestamp(text: str) -> dt.datetime:
    """ISO 8601 date and time -> aware datetime in UTC; one without a zone is taken as UTC.

    Raises Invalid when the text is no instant.
    """
    if isinstance(text, str) and _PLAIN.fullmatch(text):
        with contextlib.suppress(ValueError):  # no such day, or second: isodate says so
            return dt.datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
    try:
        moment: dt.datetime = isodate.parse_datetime(text.strip())
    except (isodate.ISO8601Error, ValueError, TypeError, AttributeError, OverflowError):
        moment = _from_isoformat(text)
    try:
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid(f"{shown(text)} is outside the calendar") from error


def _from_isoformat(text: str) -> dt.datetime:
    # Dates alone and a space for the T, which isodate's datetime parser refuses.
    try:
        return dt.datetime.fromisoformat(text.strip())
    except (ValueError, AttributeError) as error:
        raise Invalid(f"{shown(text)} is not an ISO 8601 timestamp") from error


def format_timestamp(moment: dt.datetime) -> str:
    """Aware datetime -> ISO 8601 text in UTC, as clients see it."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return utc.isoformat()


def truncate(moment: dt.datetime) -> dt.datetime:
    """The whole second this instant lies in."""
    return moment.replace(microsecond=0)


def round_up(value: dt.timedelta) -> dt.timedelta:
    """The shortest whole-second duration that holds this one."""
    return SECOND * math.ceil(value / SECOND)


def parse_absolute_or_relative(text: str, now: dt.datetime) -> dt.datetime:
    """A TimestampAbsoluteRelative -> instant, cut to the second.

    ``P...`` counts from now; ``@P...`` is the next whole multiple of the interval since the Unix
    epoch, so ``@PT1H`` is the next top of an hour, UTC (docs/contract/scheduler.md section 4).
    Raises Invalid.
    """
    aligned = _ALIGNED.match(text)
    if aligned:
        return _next_multiple(parse_duration(aligned.group(1)), text, now)
    if text.startswith("P"):
        return truncate(_shift(now, parse_duration(text), text))
    return truncate(parse_timestamp(text))


def _next_multiple(step: dt.timedelta, text: str, now: dt.datetime) -> dt.datetime:
    if step < SECOND or step % SECOND:
        raise Invalid(f"{shown(text)} must align to one or more whole seconds")
    return _shift(EPOCH, step * ((now - EPOCH) // step + 1), text)


def _shift(moment: dt.datetime, by: dt.timedelta, text: str) -> dt.datetime:
    try:
        return moment + by
    except OverflowError as error:
        raise Invalid(f"{shown(text)} is outside the calendar") from error


def hour_of(moment: dt.datetime) -> dt.datetime:
    """The full hour that an instant is in."""
    return moment.replace(minute=0, second=0, microsecond=0)
