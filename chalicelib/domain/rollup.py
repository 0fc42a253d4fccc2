"""Many points as one: count, least, mean, most and quantiles of each number, and how often a text changed.

Quantiles come from a sketch, which is small, merges, and is off by a hundredth of the value at most
(Masson et al., "DDSketch", VLDB 2019). What cannot be believed is counted and left out.
"""

import dataclasses
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence

from ddsketch.mapping import LogarithmicMapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point

ACCURACY = 0.01
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
DIGITS = 6
"""Significant digits of what is shown."""


_MAPPING = LogarithmicMapping(ACCURACY)
_Bins = dict[int, float]
_SHOWN = ("min", "mean", "max", *QUANTILES)


@functools.lru_cache(maxsize=4096)
def _middle(key: int) -> float:
    """The value that a bin stands for: a series is in a few of them, again and again."""
    value: float = _MAPPING.value(key)
    return value


@dataclasses.dataclass
class Summary:
    """The values of one number over a time: their sums, and how many are in each bin of the sketch.

    The bins, and where each begins, are those of the library's sketch; a month has seven hundred summaries of
    each number, and as many of its sketches would take longer to make than all else.
    """

    count: int = 0
    unreliable: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    zeros: float = 0
    above: _Bins = dataclasses.field(default_factory=dict)
    below: _Bins = dataclasses.field(default_factory=dict)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        if abs(value) <= _MAPPING.min_possible:
            self.zeros += 1
        else:
            _put(self.above if value > 0 else self.below, _MAPPING.key(abs(value)), 1)

    def merge(self, other: "Summary") -> None:
        self.count += other.count
        self.unreliable += other.unreliable
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.zeros += other.zeros
        for mine, its in ((self.above, other.above), (self.below, other.below)):
            for key, weight in its.items():
                _put(mine, key, weight)

    def describe(self) -> dict[str, JSON]:
        """As pages show it: quantiles lie between the least and the most, which the sketch does not know."""
        unreliable = {"unreliable": self.unreliable} if self.unreliable else {}
        if not self.count:
            return {"count": 0, **unreliable}
        if self.least == self.most:  # as the loss of most hours, and the hops of a path
            return {"count": self.count, **dict.fromkeys(_SHOWN, shown(self.most)), **unreliable}
        found = {"min": self.least, "mean": self.total / self.count, "max": self.most, **self._quantiles()}
        return {"count": self.count, **{name: shown(value) for name, value in found.items()}, **unreliable}

    def _quantiles(self) -> dict[str, float]:
        """The middle of the bin that the value of each rank is in, in one walk from the least to the most."""
        found: dict[str, float] = {}
        bins, sign, key, passed = iter(self._ascending()), 0, 0, 0.0
        for name, share in QUANTILES.items():
            while passed <= share * (self.count - 1):
                sign, key, weight = next(bins)
                passed += weight
            found[name] = min(self.most, max(self.least, sign * _middle(key)))
        return found

    def _ascending(self) -> list[tuple[int, int, float]]:
        """The bins from the least to the most: the sign, the library's key and the weight."""
        zeros = [(0, 0, self.zeros)] if self.zeros else []
        above = [(1, key, self.above[key]) for key in sorted(self.above)]
        below = [(-1, key, self.below[key]) for key in sorted(self.below, reverse=True)]
        return below + zeros + above

    def pack(self) -> list[JSON]:
        """What is stored: the numbers, and the bins of the sketch that are not empty."""
        if not self.count:
            return [0, self.unreliable]
        numbers = [self.count, self.unreliable, self.total, self.least, self.most, self.zeros]
        return [*numbers, *(sorted(map(list, bins.items())) for bins in (self.above, self.below))]

    @classmethod
    def unpack(cls, packed: Sequence[JSON]) -> "Summary":
        if not packed[0]:
            return cls(unreliable=packed[1])
        count, unreliable, total, least, most, zeros, above, below = packed
        return cls(count, unreliable, total, least, most, zeros, dict(above), dict(below))


def _put(bins: _Bins, key: int, weight: float) -> None:
    bins[key] = bins.get(key, 0) + weight


@dataclasses.dataclass
class Rollup:
    """The points of a time together.

    runs    how many there were, by state
    texts   of each text how often it changed, and what it was last
    """

    runs: dict[str, int] = dataclasses.field(default_factory=dict)
    summaries: dict[str, Summary] = dataclasses.field(default_factory=dict)
    texts: dict[str, list[JSON]] = dataclasses.field(default_factory=dict)

    def add(self, point: Point) -> None:
        """Count a point; they come in the order of their times."""
        self.runs[point.state.value] = self.runs.get(point.state.value, 0) + 1
        for name, value in point.values.items():
            if isinstance(value, str):
                self._add_text(name, value, 0)
                continue
            summary = self.summaries.setdefault(name, Summary())
            if name in point.unreliable:
                summary.unreliable += 1
            else:
                summary.add(value)

    def _add_text(self, name: str, first: str, changes: int, last: str | None = None) -> None:
        known = self.texts.get(name)
        changed = 1 if known and known[1] != first else 0
        before = known[0] if known else 0
        begun = known[2] if known else first
        self.texts[name] = [before + changed + changes, first if last is None else last, begun]

    def merge(self, later: "Rollup") -> None:
        """Count what comes after this as well."""
        for state, count in later.runs.items():
            self.runs[state] = self.runs.get(state, 0) + count
        for name, summary in later.summaries.items():
            self.summaries.setdefault(name, Summary()).merge(summary)
        for name, (changes, last, begun) in later.texts.items():
            self._add_text(name, begun, changes, last)

    def describe(self, names: Iterable[str] | None = None) -> dict[str, JSON]:
        """As pages show it, of all metrics or those named."""
        wanted = None if names is None else set(names)
        numbers = {
            name: each.describe() for name, each in self.summaries.items() if not wanted or name in wanted
        }
        texts = {
            name: {"changes": changes, "last": last}
            for name, (changes, last, _) in self.texts.items()
            if not wanted or name in wanted
        }
        return {"runs": dict(self.runs), "metrics": {**numbers, **texts}}

    def pack(self) -> dict[str, JSON]:
        """What is stored."""
        summaries = {name: each.pack() for name, each in self.summaries.items()}
        return {"r": self.runs, "n": summaries, "t": self.texts}

    @classmethod
    def unpack(cls, packed: Mapping[str, JSON], names: Collection[str] | None = None) -> "Rollup":
        """What was stored, of all numbers or those named."""
        wanted = packed["n"] if names is None else [name for name in names if name in packed["n"]]
        summaries = {name: Summary.unpack(packed["n"][name]) for name in wanted}
        return cls(dict(packed["r"]), summaries, dict(packed["t"]))


def rolled(points: Iterable[Point]) -> Rollup:
    """The points of a time, in order, as one."""
    found = Rollup()
    for point in points:
        found.add(point)
    return found


def shown(value: float) -> float:
    """A number with as many digits as mean something."""
    return float(f"{value:.{DIGITS}g}")
