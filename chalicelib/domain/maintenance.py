"""Maintenance windows: times at which alerts of some series are told to nobody."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from chalicelib.domain.alert_rules import FILTER, NAME, SeriesFilter, require_name
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker, closed
from chalicelib.domain.series import Series
from chalicelib.domain.times import ZERO, parse_duration, parse_timestamp
from chalicelib.domain.types import TYPES

MOST_RULES = 100
WINDOW = closed(
    {
        "description": {"type": "string", "maxLength": 300},
        "series": FILTER,
        "rules": {
            "type": "array",
            "maxItems": MOST_RULES,
            "items": {"type": "string", "pattern": f"^{NAME.pattern}$"},
        },
        "start": TYPES["Timestamp"],
        "duration": TYPES["Duration"],
        "repeat": TYPES["Duration"],
        "until": TYPES["Timestamp"],
    },
    ("start", "duration"),
)
_CHECKER = Checker(WINDOW)


@dataclasses.dataclass(frozen=True)
class Window:
    """Time in which the alerts of some series, by some rules or all, are told to nobody."""

    name: str
    wanted: SeriesFilter
    start: dt.datetime
    duration: dt.timedelta
    repeat: dt.timedelta | None = None
    until: dt.datetime | None = None
    rules: Sequence[str] = ()

    def fits(self, rule: str, series: Series) -> bool:
        return (not self.rules or rule in self.rules) and self.wanted.fits(series)

    def end_of(self, now: dt.datetime) -> dt.datetime | None:
        """When the window that is open now closes; None where none is. None begins at ``until`` or later."""
        if now < self.start:
            return None
        begun = self.start if self.repeat is None else now - (now - self.start) % self.repeat
        if self.until is not None and begun >= self.until:
            return None
        end = begun + self.duration
        return end if now < end else None


def maintained_until(
    windows: Sequence[Window], rule: str, series: Series, now: dt.datetime
) -> dt.datetime | None:
    """Until when a series is under maintenance, as known now; None where it is not."""
    ends = [window.end_of(now) for window in windows if window.fits(rule, series)]
    return max((end for end in ends if end is not None), default=None)


def window_of(name: str, document: JSON) -> Window:
    """A window as it was posted. Raises Invalid for what is none."""
    require_name(name)
    fault = _CHECKER.fault(document)
    if fault:
        raise fault
    duration, repeat = _duration(document, "duration"), _duration(document, "repeat")
    start = _moment(document, "start")
    if duration is None or start is None:
        raise Invalid("must have a start and a duration", "")
    if repeat is not None and repeat < duration:
        raise Invalid("must be no shorter than the duration", "/repeat")
    return Window(
        name,
        SeriesFilter(document.get("series", {})),
        start,
        duration,
        repeat,
        _moment(document, "until"),
        tuple(document.get("rules", ())),
    )


def _duration(document: Mapping[str, JSON], member: str) -> dt.timedelta | None:
    if member not in document:
        return None
    try:
        found = parse_duration(document[member])
    except Invalid as error:
        raise Invalid(error.message, f"/{member}") from error
    if found <= ZERO:
        raise Invalid("must be longer than zero", f"/{member}")
    return found


def _moment(document: Mapping[str, JSON], member: str) -> dt.datetime | None:
    if member not in document:
        return None
    try:
        found = parse_timestamp(document[member])
    except Invalid as error:
        raise Invalid(error.message, f"/{member}") from error
    if not 1970 <= found.year <= 9000:
        raise Invalid("must be between the years 1970 and 9000", f"/{member}")
    return found
