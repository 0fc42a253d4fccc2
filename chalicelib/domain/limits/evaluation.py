"""Judging a proposal by a policy, with a trace that can be read
(docs/contract/limits.md sections 2 and 10)."""

import dataclasses
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Forbidden, PSchedulerError
from chalicelib.domain.limits import hints as known
from chalicelib.domain.limits import prioritizer, rewriter
from chalicelib.domain.limits.limit_kinds import Proposal
from chalicelib.domain.limits.policy_document import Policy
from chalicelib.domain.limits.policy_scripts import Script
from chalicelib.domain.limits.prioritizer import DEFAULT
from chalicelib.domain.limits.surroundings import Surroundings
from chalicelib.domain.schemas import JSON

LONGEST_TRACE = 20_000
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
        return text if len(text) <= LONGEST_TRACE else f"{text[:LONGEST_TRACE]}\n... and more"

    @property
    def why(self) -> str:
        """In one line, what stood in the way."""
        text = "; ".join(self.refusals)
        return text if len(text) <= 1000 else f"{text[:1000]}..."


def judge(
    policy: Policy,
    proposal: Proposal,
    around: Surroundings,
    rewrite: bool = False,
    prioritize: bool = False,
) -> Ruling:
    """What a policy says of a task that somebody wants done.

    ``rewrite`` where the task is new, ``prioritize`` where a run of it is placed.
    """
    return _Case(policy, proposal, around).ruling(rewrite, prioritize)


def classes(policy: Policy, hints: Mapping[str, JSON], around: Surroundings) -> Sequence[str]:
    """The classes that somebody with these hints is in."""
    return _Case(policy, Proposal({}, hints), around).classified()


class _Case:
    """One proposal before one policy; ``_lines`` is the trace so far."""

    def __init__(self, policy: Policy, proposal: Proposal, around: Surroundings):
        self._policy, self._proposal, self._around = policy, proposal, around
        self._lines = known.lines(proposal.hints)
        self._classified: list[str] = []

    def classified(self) -> list[str]:
        identified = self._identified()
        return [one.name for one in self._policy.classifiers if one.classifies(identified)]

    def ruling(self, rewrite: bool, prioritize: bool) -> Ruling:
        identified = self._identified()
        if not identified:
            return self._refused("No identifier matches this requester")
        self._classified = [one.name for one in self._policy.classifiers if one.classifies(identified)]
        self._lines.append(f"Classified as: {', '.join(self._classified) or 'nothing'}")
        if not self._classified:
            return self._refused("No classifier includes this requester")
        try:
            return self._applied(rewrite, prioritize)
        except Forbidden as error:
            return self._refused(error.message)

    def _refused(self, why: str) -> Ruling:
        lines = [*self._lines, why, "The proposal does not meet the limits"]
        return Ruling(False, lines, None, None, self._classified, [why])

    def _identified(self) -> set[str]:
        found = []
        for one in self._policy.identifiers:
            try:
                if one.identifies(self._proposal.hints, self._around):
                    found.append(one.name)
            except PSchedulerError as error:
                self._lines.append(f'Identifier "{one.name}" failed, and does not identify: {error}')
        self._lines.append(f"Identified as: {', '.join(found) or 'nothing'}")
        return set(found)

    def _applied(self, rewrite: bool, prioritize: bool) -> Ruling:
        """Raises Forbidden where a script refuses."""
        made, judged = None, self._proposal
        if rewrite and self._policy.rewrite:
            rewritten = self._rewritten(self._policy.rewrite)
            # What it changes without saying so takes effect, and is not looked at: contract, section 5.
            made, judged = rewritten.task, self._proposal
            if rewritten.changed:
                judged = Proposal(rewritten.task, self._proposal.hints)
        passed, refusals = self._tried(judged)
        self._lines.append(f"The proposal {'meets' if passed else 'does not meet'} the limits")
        priority = self._ranked() if passed and prioritize else None
        return Ruling(passed, self._lines, made, priority, self._classified, refusals)

    def _rewritten(self, script: Script) -> rewriter.Rewritten:
        task, hints = self._proposal.task, self._proposal.hints
        rewritten = rewriter.rewrite(script, task, hints, self._classified, self._around.jq)
        self._lines += rewritten.lines
        return rewritten

    def _tried(self, proposal: Proposal) -> tuple[bool, list[str]]:
        """Whether an application passes, the first that does being the last tried, and what refused."""
        refusals: list[str] = []
        wanted = [one for one in self._policy.applications if one.is_for(self._classified)]
        if not wanted:
            self._lines.append("No application applies to this requester")
            refusals.append("no application applies to this requester")
        for one in wanted:
            trial = one.try_on(self._policy.limits, proposal, self._around)
            self._lines += trial.lines
            if trial.passed:
                self._lines.append("It passes: no further application is tried")
                return True, []
            refusals += trial.refusals
            if one.stop_on_failure:
                self._lines.append("It failed, and says to stop: no further application is tried")
                break
        return False, refusals

    def _ranked(self) -> int:
        if self._policy.priority is None:
            self._lines.append(f"Priority: {DEFAULT}, the default")
            return DEFAULT
        script, task = self._policy.priority, self._proposal.task
        ranked = prioritizer.prioritize(script, task, self._classified, self._around.jq)
        self._lines += ranked.lines
        return ranked.priority
