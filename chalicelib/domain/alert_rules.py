"""Alert rules: which numbers of which series are bad, and when that is to be said.

    {"series": {"test": "rtt", "destination": "*.example.org"}, "metric": "loss.ratio",
     "warning": {"above": 0.01}, "critical": {"above": 0.05, "clear": 0.02},
     "results": {"at-least": 3, "of": 5}, "recover": 3, "no-data": "PT3H", "notify": [...]}

A level is reached when ``at-least`` of the last ``of`` results are beyond its bound, and left when the last
``recover`` are all on the good side of ``clear``, which is the bound where it is not said: in between nothing
changes, so that what wavers there is quiet.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker, closed, integer
from chalicelib.domain.series import Series
from chalicelib.domain.specs import check_archive
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from chalicelib.domain.whole_numbers import as_integers

LEVELS = ("warning", "critical")
"""From the least to the worst."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_RESULTS = 50
"""Results that a rule may look at."""
MOST_NOTIFIED = 10
SHORTEST_SILENCE = dt.timedelta(minutes=2)
"""A clock looks for what is silent every minute."""
LONGEST_SILENCE = dt.timedelta(days=90)
DEFAULT_TTL = "P1D"
"""How long a notification is attempted where its archive does not say."""

_MANY, _TOO_MANY = 10_000, 1e15

_TEXT = {"type": "string", "maxLength": 300}
_NUMBER = {"type": "number"}
FILTERS = ("test", "tool", "source", "destination", "label")
FILTER = {
    **closed(dict.fromkeys(FILTERS, _TEXT)),
    "description": "Members a series must have; * stands for any characters",
}
CONDITION = closed({"above": _NUMBER, "below": _NUMBER, "changed": {"const": True}, "clear": _NUMBER})
RULE = closed(
    {
        "description": _TEXT,
        "series": FILTER,
        "metric": {"type": "string", "minLength": 1, "maxLength": 100},
        **dict.fromkeys(LEVELS, CONDITION),
        "results": closed({"at-least": integer(1, MOST_RESULTS), "of": integer(1, MOST_RESULTS)}, ("of",)),
        "recover": integer(1, MOST_RESULTS),
        "without-value": {"enum": ["bad", "ignored"]},
        "no-data": TYPES["Duration"],
        "notify": {"type": "array", "maxItems": MOST_NOTIFIED, "items": {"type": "object"}},
    },
    ("metric",),
)
_CHECKER = Checker(RULE)


@dataclasses.dataclass(frozen=True)
class Condition:
    """What is bad of a value: that it is above or below a bound, or other than the one before."""

    above: float | None = None
    below: float | None = None
    changed: bool = False
    clear: float | None = None

    def is_met(self, value: float | str, before: float | str | None) -> bool:
        if self.changed:
            return before is not None and value != before
        if isinstance(value, str):
            return False
        return value > self.above if self.above is not None else value < _known(self.below)

    def is_clear(self, value: float | str, before: float | str | None) -> bool:
        """Whether a value is so good that it counts towards recovery."""
        if self.clear is None or isinstance(value, str):
            return not self.is_met(value, before)
        return value <= self.clear if self.above is not None else value >= self.clear

    def __str__(self) -> str:
        if self.changed:
            return "other than before"
        return (
            f"above {shown(self.above)}" if self.above is not None else f"below {shown(_known(self.below))}"
        )


def shown(value: float | str) -> str:
    """A value as a person reads it: bits a second are many."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if _MANY <= abs(value) < _TOO_MANY else f"{value:.6g}"


def _known(bound: float | None) -> float:
    if bound is None:
        raise ValueError("a condition without a bound")
    return bound


@dataclasses.dataclass(frozen=True)
class SeriesFilter:
    """Which series are meant: those whose members match, an asterisk any characters."""

    members: Mapping[str, str]

    def fits(self, series: Series) -> bool:
        return all(_matches(pattern, getattr(series, name)) for name, pattern in self.members.items())


def _matches(pattern: str, text: str) -> bool:
    first, *others = pattern.split("*")
    if not others:
        return pattern == text
    if not text.startswith(first):
        return False
    place, last = len(first), others.pop()
    for part in others:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(text) - len(last) >= place and text.endswith(last)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule as it is applied. ``missing_is_bad``: whether a result without the number counts as beyond every
    bound, such as a failed measurement, or the delay where all packets were lost."""

    name: str
    wanted: SeriesFilter
    metric: str
    levels: Mapping[str, Condition]
    at_least: int = 1
    of: int = 1
    recover: int = 1
    missing_is_bad: bool = True
    no_data: dt.timedelta | None = None
    notify: Sequence[JSON] = ()
    description: str = ""

    @property
    def looks_at(self) -> int:
        """Results it needs to see; one more tells what the oldest of them changed from."""
        return max(self.of, self.recover) + 1


def rule_of(name: str, document: JSON) -> Rule:
    """A rule as it was posted. Raises Invalid for what is none; whether it can notify is not looked at."""
    require_name(name)
    fault = _CHECKER.fault(document)
    if fault:
        raise fault
    document = as_integers(document)
    levels = {
        level: _condition(document[level], f"/{level}") for level in reversed(LEVELS) if level in document
    }
    if not levels and "no-data" not in document:
        raise Invalid("must have one of warning, critical and no-data", "")
    results = document.get("results", {"of": 1})
    at_least = results.get("at-least", results["of"])
    if at_least > results["of"]:
        raise Invalid("must be no more than /results/of", "/results/at-least")
    return Rule(
        name=name,
        wanted=SeriesFilter(document.get("series", {})),
        metric=document["metric"],
        levels=levels,
        at_least=at_least,
        of=results["of"],
        recover=document.get("recover", at_least),
        missing_is_bad=document.get("without-value", "bad") == "bad",
        no_data=_silence(document),
        notify=_archives(document.get("notify", [])),
        description=document.get("description", ""),
    )


def require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Invalid("A name must have 1 to 40 lower-case letters, digits and hyphens")


def _condition(document: Mapping[str, JSON], where: str) -> Condition:
    if len({"above", "below", "changed"} & document.keys()) != 1:
        raise Invalid("must have one of above, below and changed", where)
    found = Condition(**document)
    if found.clear is not None and found.is_met(found.clear, None):
        raise Invalid("must be on the good side of the threshold", f"{where}/clear")
    if found.clear is not None and found.changed:
        raise Invalid("can only be combined with above or below", f"{where}/clear")
    return found


def _silence(document: Mapping[str, JSON]) -> dt.timedelta | None:
    if "no-data" not in document:
        return None
    try:
        found = parse_duration(document["no-data"])
    except Invalid as error:
        raise Invalid(error.message, "/no-data") from error
    if not SHORTEST_SILENCE <= found <= LONGEST_SILENCE:
        raise Invalid("must be from PT2M to P90D", "/no-data")
    return found


def _archives(documents: Sequence[JSON]) -> Sequence[JSON]:
    for number, document in enumerate(documents):
        try:
            check_archive(document)
        except Invalid as error:
            raise error.inside(f"/notify/{number}") from error
    return [{"ttl": DEFAULT_TTL, **document} for document in documents]
