"""The numbers of a result that are worth keeping over time: what a test's ``metrics`` gives.

Names are lower case, the thing measured before the statistic: ``rtt.mean``, ``throughput.bps``.
They are public: archives, series, alerts and dashboards all use the same ones.
"""

import dataclasses
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import parse_duration

MILLISECONDS, RATIO, BITS_A_SECOND, BYTES = "ms", "ratio", "bit/s", "bytes"
COUNT, SECONDS, DAYS, DECIBELS, FLAG, TEXT = "count", "s", "days", "dBm", "flag", "text"
UNITS = (MILLISECONDS, RATIO, BITS_A_SECOND, BYTES, COUNT, SECONDS, DAYS, DECIBELS, FLAG, TEXT)
"""What values are in. A ratio is from 0 to 1, a flag 0 or 1; a text is compared as a whole."""

LONGEST_TEXT = 1000
"""Characters of a text: a path of 60 hops has that many."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """One value of a result.

    reliable  whether it can be believed: a delay that is smaller than the error of the clocks cannot
    """

    name: str
    value: float | str
    unit: str
    reliable: bool = True


def number(name: str, value: Any, unit: str, reliable: bool = True, *, times: float = 1.0) -> Metric | None:
    """A number, ``times`` a factor, as a metric; None where it is not there, or not a finite number."""
    if not isinstance(value, int | float | Decimal):
        return None
    try:
        measured = float(value) * times
    except OverflowError:  # an integer of 400 digits is valid JSON
        return None
    return Metric(name, measured, unit, reliable) if math.isfinite(measured) else None


def milliseconds(name: str, duration: Any, reliable: bool = True) -> Metric | None:
    """An ISO 8601 duration as a metric in milliseconds; None where it is none."""
    if not isinstance(duration, str):
        return None
    try:
        return number(name, round(parse_duration(duration).total_seconds() * 1000, 6), MILLISECONDS, reliable)
    except (Invalid, OverflowError):
        return None


def share(name: str, part: Any, whole: Any) -> Metric | None:
    """``part`` of ``whole`` as a ratio between 0 and 1; None where nothing was counted."""
    if not isinstance(part, int | float) or not isinstance(whole, int | float) or whole <= 0:
        return None
    try:
        return number(name, min(1.0, max(0.0, part / whole)), RATIO)
    except OverflowError:
        return None


def text(name: str, value: str) -> Metric | None:
    """A text as a metric; None where it is empty."""
    return Metric(name, value[:LONGEST_TEXT], TEXT) if value else None


def present(*found: Metric | None) -> list[Metric]:
    """Those of the metrics that are there."""
    return [metric for metric in found if metric]


def named(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """The metrics by name."""
    return {metric.name: metric for metric in metrics}
