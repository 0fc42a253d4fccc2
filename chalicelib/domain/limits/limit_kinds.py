"""The kinds of limits: what may be done (docs/contract/limits.md section 7)."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import ScriptFailed
from chalicelib.domain.limits import remote, schedules
from chalicelib.domain.limits.kind_base import Kind, as_is
from chalicelib.domain.limits.policy_scripts import JQ, Foreseen, Script, script
from chalicelib.domain.limits.remote import Verdict
from chalicelib.domain.limits.surroundings import Surroundings
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES

RUN_SCHEDULE = "run_schedule"
"""The member of a task that says when a run of it is to be: ``{start, duration}``."""


@dataclasses.dataclass(frozen=True)
class Proposal:
    """What is to be judged: a task, and who wants it."""

    task: Mapping[str, JSON]
    hints: Mapping[str, JSON]


@dataclasses.dataclass(frozen=True)
class Limit:
    """One limit of a policy, ready to be asked."""

    name: str
    type: str
    data: Any
    inverted: bool = False

    def judge(self, proposal: Proposal, around: Surroundings) -> Verdict:
        """What it says of a proposal. One about a run's time passes, inverted or not, where none is given."""
        kind = KINDS[self.type]
        if kind.checks_schedule and RUN_SCHEDULE not in proposal.task:
            found = Verdict(True)
        else:
            found = self._decided(kind, proposal, around)
        if not self.inverted:
            return found
        return Verdict(False, ("It passed, and is inverted",)) if found.passed else Verdict(True)

    def _decided(self, kind: Kind, proposal: Proposal, around: Surroundings) -> Verdict:
        try:
            found: Verdict = kind.decide(self.data, proposal, around)
        except Invalid as error:
            return Verdict(False, (str(error),))
        return found


def foreseeing(limits: Sequence[Limit], proposal: Proposal, around: Surroundings) -> Surroundings:
    """Surroundings that know already what the scripts of these limits make of a proposal."""
    scripts = [limit.data for limit in limits if limit.type == "jq"]
    if len(scripts) < 2:
        return around
    return dataclasses.replace(around, jq=Foreseen(around.jq, scripts, dict(proposal.task)))


def _pass_fail(data: Mapping[str, JSON], proposal: Proposal, around: Surroundings) -> Verdict:
    passes: bool = data["pass"]
    return Verdict(passes, () if passes else ("It always fails",))


def _test_type(data: Mapping[str, JSON], proposal: Proposal, around: Surroundings) -> Verdict:
    test = proposal.task.get("test")
    name = test.get("type") if isinstance(test, Mapping) else None
    if name is None:
        return Verdict(False, ("The task has no type of test",))
    if name in data["types"]:
        return Verdict(True)
    return Verdict(False, (f"Tests of type {str(name)[:100]} are not listed",))


def _jq(data: Script, proposal: Proposal, around: Surroundings) -> Verdict:
    try:
        found = data.first(around.jq, dict(proposal.task))
    except ScriptFailed as error:
        return Verdict(False, (f"The script failed: {error}",))
    if found is True:
        return Verdict(True)
    if isinstance(found, str):
        return Verdict(False, (found,))
    why = (
        "Its script refused, without a reason"
        if found is False
        else "Its script returned neither true nor false"
    )
    return Verdict(False, (why,))


def _schedule(
    data: schedules.DateRange | schedules.CalendarFields, proposal: Proposal, around: Surroundings
) -> Verdict:
    complaints = data.complaints(schedules.span_of(proposal.task[RUN_SCHEDULE]))
    return Verdict(not complaints, tuple(complaints))


def _url_fetch(data: remote.Judge, proposal: Proposal, around: Surroundings) -> Verdict:
    return data.ask(proposal.task, proposal.hints, around)


KINDS: dict[str, Kind] = {
    "pass-fail": Kind(closed({"pass": TYPES["Boolean"]}, ("pass",)), as_is, _pass_fail),
    "test-type": Kind(closed({"types": TYPES["StringList"]}, ("types",)), as_is, _test_type),
    "jq": Kind(JQ, script, _jq),
    "run-daterange": Kind(schedules.DATERANGE, schedules.date_range, _schedule, checks_schedule=True),
    "run-schedule": Kind(schedules.SCHEDULE, schedules.calendar_fields, _schedule, checks_schedule=True),
    "url-fetch": Kind(remote.SCHEMA, remote.judge, _url_fetch),
}

REMOVED = {"test": "limits of type test are no longer supported: use one of type jq, on .test.spec"}
"""Types that once were, and what to do instead."""
