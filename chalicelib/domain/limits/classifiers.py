"""Classifiers: groups a requester belongs to, and how many must agree (docs/contract/limits.md section 4)."""

import dataclasses
from collections.abc import Collection, Sequence

REQUIREMENTS = ("none", "one", "any", "all")


def is_met(require: str, passed: int, total: int) -> bool:
    """Whether so many of so many satisfy a requirement; of nothing, none and all are met."""
    return {"none": passed == 0, "one": passed == 1, "any": passed > 0, "all": passed == total}[require]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """One classifier of a policy."""

    name: str
    identifiers: Sequence[str]
    require: str = "any"

    def classifies(self, identified: Collection[str]) -> bool:
        """Whether a requester with these identifiers is one of its."""
        made = sum(1 for name in self.identifiers if name in identified)
        return is_met(self.require, made, len(self.identifiers))
