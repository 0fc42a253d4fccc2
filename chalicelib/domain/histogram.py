"""Statistics of what was counted into buckets (docs/contract/tests.md, latency).

The arithmetic is decimal, as the buckets' labels are: nothing is lost, and nothing overflows.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Mapping
from decimal import Decimal

Bucket = tuple[Decimal, int]
"""A value, and how often it was seen."""


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How often each value was seen: at least one value, in ascending order, each at least once."""

    buckets: tuple[Bucket, ...]

    @classmethod
    def of(cls, buckets: Iterable[Bucket]) -> "Histogram | None":
        """What was seen, buckets of the same value put together; None where nothing was."""
        counts: dict[Decimal, int] = {}
        for value, count in buckets:
            if count > 0:
                counts[value] = counts.get(value, 0) + count
        return cls(tuple(sorted(counts.items()))) if counts else None

    @functools.cached_property
    def size(self) -> int:
        return sum(count for _, count in self.buckets)

    @property
    def minimum(self) -> Decimal:
        return self.buckets[0][0]

    @property
    def maximum(self) -> Decimal:
        return self.buckets[-1][0]

    @functools.cached_property
    def mean(self) -> Decimal:
        return sum((value * count for value, count in self.buckets), Decimal()) / self.size

    @property
    def modes(self) -> tuple[Decimal, ...]:
        """The value seen most often, or all of them that were."""
        most = max(count for _, count in self.buckets)
        return tuple(value for value, count in self.buckets if count == most)

    @functools.cached_property
    def variance(self) -> Decimal:
        """That of the population."""
        return sum((count * (value - self.mean) ** 2 for value, count in self.buckets), Decimal()) / self.size

    @property
    def deviation(self) -> Decimal:
        return self.variance.sqrt()

    def percentile(self, percent: int) -> Decimal:
        """By the rank p/100 * (N + 1), between two values in proportion.

        The rule is that of NIST's handbook, https://www.itl.nist.gov/div898/handbook/prc/section2/prc262.htm.
        """
        rank, hundredths = divmod(percent * (self.size + 1), 100)
        if rank < 1:
            return self.minimum
        if rank >= self.size:
            return self.maximum
        lower, upper = self._ranked(rank), self._ranked(rank + 1)
        return lower + (upper - lower) * hundredths / 100

    def _ranked(self, rank: int) -> Decimal:
        """The value at a place among all that were seen, the least at 1."""
        ends = itertools.accumulate(count for _, count in self.buckets)
        return next(value for (value, _), end in zip(self.buckets, ends, strict=True) if rank <= end)


def from_labels(counts: Mapping[str, int], unit: Decimal = Decimal(1)) -> Histogram | None:
    """The histogram of a JSON object: its members are values, in so many of our units each, and counts."""
    # A count of 5.0 is an integer to JSON Schema, and no partner of a Decimal.
    return Histogram.of((Decimal(label) * unit, int(count)) for label, count in counts.items())
