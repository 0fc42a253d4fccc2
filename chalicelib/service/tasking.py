"""Taking in a task: checked from the outside in, then stored with its first run.

The checks come in the order of contract/api.md, ``POST /tasks``. Nothing is written before the last
of them has passed.
"""

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence

from chalicelib.domain import repeat, tool_choice, transforms
from chalicelib.domain.conflicts import ANYTIME
from chalicelib.domain.errors import Invalid, Repeated, TooLarge, Unprocessable
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.specs import check_task
from chalicelib.domain.task import Task
from chalicelib.domain.times import (
    ZERO,
    format_duration,
    parse_absolute_or_relative,
    parse_duration,
    round_up,
)
from chalicelib.domain.tool_choice import Offer
from chalicelib.outside import queues
from chalicelib.outside.addresses import is_local
from chalicelib.service import repeating
from chalicelib.service.access import public_arguments
from chalicelib.service.booking import Placed
from chalicelib.service.placing import place_next
from chalicelib.service.repeating import Wish
from chalicelib.service.seeking import Proposal, propose
from chalicelib.settings import settings
from chalicelib.store.booking import New
from chalicelib.store.timeline import require_bookable
from plugins import registry
from plugins.base import Test, Tool

LARGEST_TASK = 150_000
"""Characters of JSON; a task is stored twice in items of 400 KB, once in the listing."""

NO_LIMITS = "No limits were applied"


def create(
    document: JSON, hints: Mapping[str, JSON], now: dt.datetime, idempotency_key: str | None = None
) -> Task:
    """Check a posted task, choose its tool, store it, and place its first run.

    With an idempotency key, the task already posted under that key, if there is one. Raises Invalid
    naming the member at fault, or Unprocessable when no tool will do or the key was for another task.
    """
    wish = repeating.wish(idempotency_key, document) if idempotency_key is not None else None
    if wish is None:
        return _create(document, hints, now, None)
    try:
        return repeating.earlier(wish, now) or _create(document, hints, now, wish)
    except Repeated as trouble:
        return repeating.resolved(wish, trouble)


def _create(document: JSON, hints: Mapping[str, JSON], now: dt.datetime, wish: Wish | None) -> Task:
    task = prepare(document, hints, now)
    new = New(wish.for_task(task, now) if wish else None)
    placed = place_next(task.replanned(now), now, new)
    _plan_on(placed, now)
    return placed.task


def rehearse(document: JSON, hints: Mapping[str, JSON], now: dt.datetime) -> tuple[Task, Proposal]:
    """What ``create`` would make of a task, and when its first run would be; nothing is stored."""
    task = prepare(document, hints, now).replanned(now)
    return task, propose(task, now)


def prepare(document: JSON, hints: Mapping[str, JSON], now: dt.datetime) -> Task:
    """A posted task, checked and with its tool chosen; nothing is stored."""
    size = len(json.dumps(document, separators=(",", ":")))
    if size > LARGEST_TASK:
        raise TooLarge(f"A task may have {LARGEST_TASK} characters; this one has {size}")
    check_task(document)
    test = _test(document["test"])
    spec = document["test"]["spec"]
    schedule = _schedule(document.get("schedule", {}), now)
    _check_archives(document.get("archives", []))
    participants = _participants(test, spec)
    _check_contexts(document.get("contexts"), len(participants))
    _check_lead_bind(document)
    tool = _choose_tool(test.name, spec, participants, document.get("tools"))
    duration = round_up(registry.tools()[tool].duration(test.name, spec))
    if test.scheduling_class not in ANYTIME:
        require_bookable(duration)
    return Task(
        uuid=str(uuid.uuid4()),
        document={**document, "tool": tool, "schedule": document.get("schedule", {})},
        schedule=schedule,
        participants=participants,
        duration=duration,
        scheduling_class=test.scheduling_class,
        added=now,
        post=registry.tools()[tool].post,
        hints=hints,
        cli=public_arguments(test.name, spec),
        diags=NO_LIMITS,
        limit_diags=NO_LIMITS,
    )


def _plan_on(placed: Placed, now: dt.datetime) -> None:
    # A repeating task has more runs inside the horizon: the planner need not wait for its next tick.
    plan_at = placed.task.plan_at
    if plan_at is not None and plan_at <= now:
        queues.send(queues.PLAN, {"task": placed.task.uuid})


def _test(section: Mapping[str, JSON]) -> Test:
    test = registry.tests().get(section["type"])
    if test is None:
        raise Invalid(f"/test/type: there is no test {section['type']}")
    trouble = test.problem(section["spec"])
    if trouble:
        raise Invalid(f"/test/spec{trouble}")
    return test


def _schedule(section: Mapping[str, JSON], now: dt.datetime) -> Schedule:
    """The wishes of a schedule, resolved once: ``PT5M`` means five minutes from its posting."""
    repeats = "repeat" in section or "repeat-cron" in section
    schedule = Schedule(
        start=_moment(section, "start", now),
        slip=_duration(section, "slip") or ZERO,
        sliprand=section.get("sliprand", False),
        repeat=_duration(section, "repeat"),
        cron=section.get("repeat-cron"),
        until=_moment(section, "until", now),
        max_runs=section.get("max-runs") if repeats else 1,
    )
    repeat.check(schedule, now)
    return schedule


def _moment(section: Mapping[str, JSON], name: str, now: dt.datetime) -> dt.datetime | None:
    try:
        return parse_absolute_or_relative(section[name], now) if name in section else None
    except Invalid as trouble:
        raise Invalid(f"/schedule/{name}: {trouble}") from trouble


def _duration(section: Mapping[str, JSON], name: str) -> dt.timedelta | None:
    try:
        return parse_duration(section[name]) if name in section else None
    except Invalid as trouble:
        raise Invalid(f"/schedule/{name}: {trouble}") from trouble


def _check_archives(archives: Sequence[Mapping[str, JSON]]) -> None:
    for number, archive in enumerate(archives):
        where = f"/archives/{number}"
        archiver = registry.archivers().get(archive["archiver"])
        if archiver is None:
            raise Invalid(f"{where}/archiver: there is no archiver {archive['archiver']}")
        trouble = archiver.data_versions.problem(archive["data"])
        if trouble:
            raise Invalid(f"{where}/data{trouble}")
        if "transform" in archive:
            _check_transform(archive["transform"], f"{where}/transform")


def _check_transform(transform: Mapping[str, JSON], where: str) -> None:
    try:
        transforms.compiled(transform)
    except Invalid as trouble:
        raise Invalid(f"{where}{trouble}") from trouble


def _participants(test: Test, spec: Mapping[str, JSON]) -> tuple[str, ...]:
    return tuple(name or settings().hostname for name in test.participants(spec))


def _check_contexts(section: Mapping[str, JSON] | None, participants: int) -> None:
    if section is None:
        return
    lists = section["contexts"]
    if len(lists) != participants:
        raise Invalid(f"/contexts/contexts: has {len(lists)} lists for {participants} participants")
    for number, contexts in enumerate(lists):
        for place, context in enumerate(contexts):
            _check_context(context, f"/contexts/contexts/{number}/{place}")


def _check_context(context: Mapping[str, JSON], where: str) -> None:
    plugin = registry.contexts().get(context["context"])
    if plugin is None:
        raise Invalid(f"{where}/context: there is no context {context['context']}")
    trouble = plugin.data_versions.problem(context["data"])
    if trouble:
        raise Invalid(f"{where}/data{trouble}")


def _check_lead_bind(document: Mapping[str, JSON]) -> None:
    address = document.get("lead-bind")
    if address is not None and not is_local(address):
        raise Invalid(f"/lead-bind: {address} is not an address of this host")


def _choose_tool(
    test: str, spec: Mapping[str, JSON], participants: Sequence[str], wanted: Sequence[str] | None
) -> str:
    if len(participants) > 1:
        raise Unprocessable("This node does not yet coordinate tests with several participants")
    return tool_choice.choose(participants, [offers(test, spec)], wanted)


def offers(test: str, spec: Mapping[str, JSON]) -> list[Offer]:
    """What this node says of each tool for a test, in its order of preference."""
    return [Offer(tool.name, reasons_against(tool, test, spec)) for tool in registry.tools_for(test)]


def reasons_against(tool: Tool, test: str, spec: Mapping[str, JSON]) -> list[str]:
    """Why a tool will not perform a test on this node; where it runs may not give it the time."""
    reasons = tool.reasons_against(test, spec)
    longest = dt.timedelta(seconds=settings().longest_run)
    if not reasons and longest and tool.duration(test, spec) > longest:
        return [f"Would take longer than the {format_duration(longest)} a run can have on this node"]
    return reasons
