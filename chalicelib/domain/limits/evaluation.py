"""Judging a proposal by a policy, with a trace that can be read (contract/limits.md sections 2 and 10)."""

import dataclasses
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Forbidden, PSchedulerError
from chalicelib.domain.limits import hints as known
from chalicelib.domain.limits import prioritizer, rewriter
from chalicelib.domain.limits.conditions import Proposal
from chalicelib.domain.limits.document import Policy
from chalicelib.domain.limits.prioritizer import DEFAULT
from chalicelib.domain.limits.surroundings import Surroundings
from chalicelib.domain.schemas import JSON

LONGEST = 20_000
"""Characters of a trace: it is stored with each task."""


@dataclasses.dataclass(frozen=True)
class Ruling:
    """What a policy says of a proposal.

    ``task`` as the rewriter left it, None where none ran; ``priority`` None where it was not asked for;
    ``refusals`` name the limits that stood in the way, in sentences.
    """

    passed: bool
    lines: Sequence[str]
    task: Mapping[str, JSON] | None = None
    priority: int | None = None
    classified: Sequence[str] = ()
    refusals: Sequence[str] = ()

    @property
    def diags(self) -> str:
        """The trace as text."""
        text = "\n".join(self.lines)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n... and more"

    @property
    def why(self) -> str:
        """In one line, what stood in the way."""
        text = "; ".join(self.refusals)
        return text if len(text) <= 1000 else f"{text[:1000]}..."


def judge(
    policy: Policy,
    task: Mapping[str, JSON],
    hints: Mapping[str, JSON],
    around: Surroundings,
    rewrite: bool = False,
    prioritize: bool = False,
) -> Ruling:
    """What a policy says of a task that somebody with these hints wants done.

    ``rewrite`` where the task is new, ``prioritize`` where a run of it is placed.
    """
    lines = known.lines(hints)
    identified = _identified(policy, hints, around, lines)
    if not identified:
        return _refused(lines, "No identifier is about this requester")
    classified = [one.name for one in policy.classifiers if one.classifies(identified)]
    lines.append(f"Classified as: {', '.join(classified) or 'nothing'}")
    if not classified:
        return _refused(lines, "No classifier has this requester")
    try:
        return _applied(policy, task, hints, around, lines, classified, rewrite, prioritize)
    except Forbidden as trouble:
        return _refused(lines, trouble.message, classified)


def _refused(lines: Sequence[str], why: str, classified: Sequence[str] = ()) -> Ruling:
    return Ruling(
        False, [*lines, why, "The proposal does not meet the limits"], None, None, classified, [why]
    )


def _identified(
    policy: Policy, hints: Mapping[str, JSON], around: Surroundings, lines: list[str]
) -> set[str]:
    found = []
    for one in policy.identifiers:
        try:
            if one.identifies(hints, around):
                found.append(one.name)
        except PSchedulerError as trouble:
            lines.append(f'Identifier "{one.name}" failed, and does not identify: {trouble}')
    lines.append(f"Identified as: {', '.join(found) or 'nothing'}")
    return set(found)


def _applied(
    policy: Policy,
    task: Mapping[str, JSON],
    hints: Mapping[str, JSON],
    around: Surroundings,
    lines: list[str],
    classified: Sequence[str],
    rewrite: bool,
    prioritize: bool,
) -> Ruling:
    """Raises Forbidden where a script refuses."""
    made, judged = None, task
    if rewrite and policy.rewrite:
        rewritten = rewriter.rewrite(policy.rewrite, task, hints, classified, around.jq)
        lines += rewritten.lines
        # What it changes without saying so takes effect, and is not looked at: the contract's section 5.
        made, judged = rewritten.task, rewritten.task if rewritten.changed else task
    passed, refusals = _tried(policy, Proposal(judged, hints), around, classified, lines)
    lines.append(f"The proposal {'meets' if passed else 'does not meet'} the limits")
    priority = None
    if passed and prioritize:
        priority = _ranked(policy, task, classified, around, lines)
    return Ruling(passed, lines, made, priority, classified, refusals)


def _tried(
    policy: Policy, proposal: Proposal, around: Surroundings, classified: Sequence[str], lines: list[str]
) -> tuple[bool, list[str]]:
    """Whether an application passes, the first that does being the last tried, and what refused."""
    refusals: list[str] = []
    wanted = [one for one in policy.applications if one.is_for(classified)]
    if not wanted:
        lines.append("No application is for this requester")
        refusals.append("no application is for this requester")
    for one in wanted:
        trial = one.try_on(policy.limits, proposal, around)
        lines += trial.lines
        if trial.passed:
            lines.append("It passes: no further application is tried")
            return True, []
        refusals += trial.refusals
        if one.stop_on_failure:
            lines.append("It failed, and says to stop: no further application is tried")
            break
    return False, refusals


def _ranked(
    policy: Policy,
    task: Mapping[str, JSON],
    classified: Sequence[str],
    around: Surroundings,
    lines: list[str],
) -> int:
    if policy.priority is None:
        lines.append(f"Priority: {DEFAULT}, the default")
        return DEFAULT
    ranked = prioritizer.prioritize(policy.priority, task, classified, around.jq)
    lines += ranked.lines
    return ranked.priority
