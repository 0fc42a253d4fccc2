"""Applications: to whom which limits apply (docs/contract/limits.md section 6)."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from chalicelib.domain.echoes import shown
from chalicelib.domain.limits.classifiers import is_met
from chalicelib.domain.limits.limit_kinds import Limit, Proposal, foreseeing
from chalicelib.domain.limits.surroundings import Surroundings

MOST_REASON = 1000
"""Characters of a limit's reason that are shown: a script, or a server elsewhere, has written it."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Limits, and how many of them have to pass."""

    require: str
    limits: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Application:
    """Groups of limits for a class of requesters; for everybody where ``classifier`` is None."""

    description: str
    classifier: str | None
    groups: Sequence[Group]
    stop_on_failure: bool = False
    inverted: bool = False

    def is_for(self, classified: Collection[str]) -> bool:
        return self.classifier is None or self.classifier in classified

    def try_on(self, limits: Mapping[str, Limit], proposal: Proposal, around: Surroundings) -> "Trial":
        """Whether a proposal passes, group by group until one fails, and how that went."""
        lines, refusals, passed = [f"Application: {self.description or '(no description)'}"], [], True
        for number, group in enumerate(self.groups, 1):
            passed, said, refused = _tried(group, number, limits, proposal, around)
            lines += said
            if not passed:
                refusals += refused
                break
        outcome = passed != self.inverted
        lines.append(
            f"  Application {'PASSES' if outcome else 'FAILS'}{' (inverted)' if self.inverted else ''}"
        )
        if not outcome and not refusals:
            refusals = [f"application {shown(self.description)} is inverted, and its limits are met"]
        return Trial(outcome, lines, refusals)


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of an application: a trace of it, and what refused where it failed."""

    passed: bool
    lines: Sequence[str]
    refusals: Sequence[str]


def _tried(
    group: Group, number: int, limits: Mapping[str, Limit], proposal: Proposal, around: Surroundings
) -> tuple[bool, list[str], list[str]]:
    """Whether a group passes, its trace, and what refused. All its limits are asked."""
    lines, passed, refusals = [], 0, []
    around = foreseeing([limits[name] for name in group.limits], proposal, around)
    for name in group.limits:
        verdict = limits[name].judge(proposal, around)
        passed += verdict.passed
        why = "; ".join(reason[:MOST_REASON] for reason in verdict.reasons)
        said = "passed" if verdict.passed else f"failed{': ' if why else ''}{why}"
        lines.append(f'  Group {number}: Limit "{name}" {said}')
        if not verdict.passed:
            refusals.append(f'limit "{name}" failed{": " if why else ""}{why}')
    total = len(group.limits)
    met = is_met(group.require, passed, total)
    counts = f"{passed}/{total} passed, {total - passed}/{total} failed"
    lines.append(f"  Group {number}: Wanted {group.require}, {counts}: {'PASS' if met else 'FAIL'}")
    if not met and group.require in ("none", "one") and passed:
        refusals = [f"{passed} of the limits {', '.join(group.limits)} passed, and {group.require} may"]
    return met, lines, refusals or [f"{group.require} of {total} limits had to pass"]
