"""Whether this node does what somebody wants of it: new tasks, tasks led elsewhere, and their runs."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Forbidden, Unprocessable
from chalicelib.domain.limits import evaluation
from chalicelib.domain.limits.evaluation import Ruling
from chalicelib.domain.limits.hints import API_KEY, API_SCOPES
from chalicelib.domain.limits.limit_kinds import RUN_SCHEDULE, Proposal
from chalicelib.domain.limits.policy_document import Policy
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.service.limits import lookups, policy_in_force, safe_start
from chalicelib.service.limits.policy_source import CLOSED, OPEN
from chalicelib.service.node import api_keys
from chalicelib.settings import settings

LOG = logging.getLogger(__name__)

NO_LIMITS = "No limits were applied"
ITS_OWN = "There is no policy: requests from this machine, or with a key, pass"
ALL_CLOSED = "This node is closed: it accepts tasks from nobody (PSCHEDULER_LIMITS=closed)"
MOST_OF_A_RUN = 4_000
"""Characters of a trace that are stored with a run."""


@dataclasses.dataclass(frozen=True)
class Admitted:
    """A task that is let in: as the policy would have it, why, and in which classes its requester is."""

    document: Mapping[str, JSON]
    diags: str
    rewritten: bool = False
    classified: tuple[str, ...] = ()


def admit(
    document: Mapping[str, JSON], hints: Mapping[str, JSON], now: dt.datetime, rewrite: bool = True
) -> Admitted:
    """Let a task in, at its lead rewritten.

    Raises Forbidden for one that is not let in, naming the limit that refused and how it was judged, and
    Unprocessable where there is no policy to go by.
    """
    ruling = judge(document, hints, now, rewrite)
    if not ruling.passed:
        raise Forbidden(f"The limits of this node refuse the task: {ruling.why}\n{ruling.diags}")
    made = ruling.task
    return Admitted(
        document if made is None else made, ruling.diags, made is not None, tuple(ruling.classified)
    )


def judge(
    document: Mapping[str, JSON],
    hints: Mapping[str, JSON],
    now: dt.datetime,
    rewrite: bool = True,
    prioritize: bool = False,
) -> Ruling:
    """What is said of a proposal here. Raises Unprocessable where there is no policy to go by."""
    match settings().limits:
        case "":
            complaint = safe_start.complaint(hints)
            return _plain(complaint is None, complaint or ITS_OWN)
        case known if known == OPEN:
            return _plain(True, NO_LIMITS)
        case known if known == CLOSED:
            return _plain(False, ALL_CLOSED)
    return _judged(_policy(now), Proposal(document, hints), rewrite, prioritize)


def _plain(passed: bool, why: str) -> Ruling:
    return Ruling(passed, [why], refusals=[] if passed else [why])


def _policy(now: dt.datetime) -> Policy:
    found = policy_in_force.in_force(now)
    if found.policy is None:
        raise Unprocessable(f"The limits of this node could not be loaded. {found.error}")
    return found.policy


def _judged(policy: Policy, proposal: Proposal, rewrite: bool, prioritize: bool) -> Ruling:
    try:
        return evaluation.judge(policy, proposal, lookups.surroundings(), rewrite, prioritize)
    except Exception:  # nobody is let in because judging broke
        LOG.exception("Judging a proposal broke")
        return _plain(False, "The policy could not be evaluated; the node's log says why")


def classes_of(policy: Policy, hints: Mapping[str, JSON]) -> Sequence[str]:
    """The classes of who asks."""
    return evaluation.classes(policy, hints, lookups.surroundings())


@dataclasses.dataclass(frozen=True)
class RunRuling:
    """What is said of one run of a task that was let in: ``priority`` is the one it may have."""

    passed: bool
    diags: str
    priority: int | None
    why: str = ""
    classified: tuple[str, ...] = ()


def judge_run(task: Task, start: dt.datetime, now: dt.datetime) -> RunRuling:
    """Whether a run may be at an instant, and with which priority; without a policy all may."""
    hints = _still(task.node, task.hints, now)
    if not policy_in_force.is_configured():
        if settings().limits == "" and API_KEY in task.hints and API_KEY not in hints:
            why = f"The API key {task.hints[API_KEY]} that the task was posted with is no longer valid"
            return RunRuling(False, why, task.priority, why)
        return RunRuling(True, task.limit_diags, task.priority)
    when = {"start": format_timestamp(start), "duration": format_duration(task.duration)}
    try:
        ruling = judge({**task.document, RUN_SCHEDULE: when}, hints, now, rewrite=False, prioritize=True)
    except Unprocessable as error:
        return RunRuling(False, error.message, task.priority, error.message)
    diags = ruling.diags[:MOST_OF_A_RUN]
    priority = _lower(task.priority, ruling.priority)
    return RunRuling(ruling.passed, diags, priority, ruling.why, tuple(ruling.classified))


def _still(node: NodeName, hints: Mapping[str, JSON], now: dt.datetime) -> Mapping[str, JSON]:
    """The hints that a task came with, less the API key if that was revoked or is over by now."""
    if API_KEY not in hints:
        return hints
    key = api_keys.named(node, str(hints[API_KEY]), now)
    others = {name: value for name, value in hints.items() if name not in (API_KEY, API_SCOPES)}
    return others if key is None else {**others, API_KEY: key.name, API_SCOPES: list(key.scopes)}


def _lower(asked: int | None, given: int | None) -> int | None:
    """The priority of a run: no more than its task asks for (docs/contract/scheduler.md section 3)."""
    if asked is None or given is None:
        return given if asked is None else asked
    return min(asked, given)


def priority(task: Task, start: dt.datetime, now: dt.datetime) -> int | None:
    """The priority that a run at an instant would have: looked at before there is a run."""
    if task.priority is None or not policy_in_force.is_configured():
        return task.priority
    return judge_run(task, start, now).priority
