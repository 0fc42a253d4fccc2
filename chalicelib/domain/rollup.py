"""Many points as one: count, least, mean, most and quantiles of each number, and how often a text changed.

Quantiles come from a sketch, which is small, merges, and is off by a hundredth of the value at most
(Masson et al., "DDSketch", VLDB 2019). What cannot be believed is counted and left out.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from ddsketch import DDSketch

from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point

ACCURACY = 0.01
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
DIGITS = 6
"""Significant digits of what is shown."""


@dataclasses.dataclass
class Summary:
    """The values of one number over a time."""

    count: int = 0
    unreliable: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    sketch: DDSketch = dataclasses.field(default_factory=lambda: DDSketch(ACCURACY))

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.sketch.add(value)

    def merge(self, other: "Summary") -> None:
        self.count += other.count
        self.unreliable += other.unreliable
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.sketch.merge(other.sketch)

    def describe(self) -> dict[str, JSON]:
        """As pages show it: quantiles lie between the least and the most, which the sketch does not know."""
        unreliable = {"unreliable": self.unreliable} if self.unreliable else {}
        if not self.count:
            return {"count": 0, **unreliable}
        quantiles = {name: self._quantile(share) for name, share in QUANTILES.items()}
        found = {"min": self.least, "mean": self.total / self.count, "max": self.most, **quantiles}
        return {"count": self.count, **{name: shown(value) for name, value in found.items()}, **unreliable}

    def _quantile(self, share: float) -> float:
        found = self.sketch.get_quantile_value(share)
        return min(self.most, max(self.least, self.least if found is None else found))

    def pack(self) -> list[JSON]:
        """What is stored: the numbers, and the bins of the sketch that are not empty."""
        numbers = [self.count, self.unreliable, self.total, self.least, self.most]
        if not self.count:
            return [0, self.unreliable]
        sketch = self.sketch
        stores = (sketch._store, sketch._negative_store)
        return [*numbers, sketch._zero_count, *(_bins(store) for store in stores)]

    @classmethod
    def unpack(cls, packed: Sequence[JSON]) -> "Summary":
        if not packed[0]:
            return cls(unreliable=packed[1])
        count, unreliable, total, least, most, zeros, positive, negative = packed
        found = cls(count, unreliable, total, least, most)
        sketch = found.sketch
        # The library writes sketches as Protocol Buffers alone, which a function would have to bring.
        for store, bins in ((sketch._store, positive), (sketch._negative_store, negative)):
            for key, weight in bins:
                store.add(key, weight)
        sketch._zero_count = zeros
        sketch._count, sketch._sum, sketch._min, sketch._max = float(count), total, least, most
        return found


def _bins(store: JSON) -> list[list[float]]:
    return [[index + store.offset, weight] for index, weight in enumerate(store.bins) if weight]


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
        numbers = {name: each.describe() for name, each in self.summaries.items()}
        texts = {name: {"changes": changes, "last": last} for name, (changes, last, _) in self.texts.items()}
        metrics = {
            name: found for name, found in {**numbers, **texts}.items() if not wanted or name in wanted
        }
        return {"runs": dict(self.runs), "metrics": metrics}

    def pack(self) -> dict[str, JSON]:
        """What is stored."""
        summaries = {name: each.pack() for name, each in self.summaries.items()}
        return {"r": self.runs, "n": summaries, "t": self.texts}

    @classmethod
    def unpack(cls, packed: Mapping[str, JSON]) -> "Rollup":
        summaries = {name: Summary.unpack(each) for name, each in packed["n"].items()}
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
