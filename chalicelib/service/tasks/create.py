"""Taking in a task: checked from the outside in, then stored with its first run.

The checks come in the order of docs/contract/api.md, ``POST /tasks``. Nothing is written before the last
of them has passed.
"""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain import tool_choice
from chalicelib.domain.conflicts import ANYTIME, MULTI_RESULT
from chalicelib.domain.errors import Repeated, TooLarge
from chalicelib.domain.messages import PlanTask
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.specs import check_task
from chalicelib.domain.task import Task
from chalicelib.domain.times import ZERO, format_duration, round_up
from chalicelib.domain.tool_choice import Offer
from chalicelib.domain.whole_numbers import as_integers
from chalicelib.infrastructure import queues
from chalicelib.service.archiving import archive_specs
from chalicelib.service.coordination import invitation, participation
from chalicelib.service.coordination.participation_base import Known
from chalicelib.service.limits import admission, quota_ledger
from chalicelib.service.node import agent_facts
from chalicelib.service.node.node_directory import hostname_of, require_in_service, runs_at_agent
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.service.scheduling.slots import Proposal, propose
from chalicelib.service.tasks import idempotency, validation
from chalicelib.service.tasks.access import public_arguments
from chalicelib.service.tasks.idempotency import IdempotencyKey
from chalicelib.settings import settings
from chalicelib.store.transactions.booking import New
from plugins import registry
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool

LOG = logging.getLogger(__name__)

LARGEST_TASK = 150_000
"""Characters of JSON; a task is stored twice in items of 400 KB, once in the listing."""


def create(
    node: NodeName,
    document: JSON,
    hints: Mapping[str, JSON],
    now: dt.datetime,
    idempotency_key: str | None = None,
    url: str | None = None,
) -> Task:
    """Check a posted task, choose its tool, store it, and place its first run.

    ``url`` is the root of the API as the task was posted to.
    With an idempotency key, the task already posted under that key, if there is one. Raises Invalid
    naming the member at fault, Unprocessable when no tool will do or the key was for another task, or
    PeerError naming the participant that will not take part.
    """
    request_key = idempotency.request_key(idempotency_key, document) if idempotency_key is not None else None
    if request_key is None:
        return _create(node, document, hints, now, None, url)
    try:
        known = idempotency.earlier(node, request_key, now)
        return known or _create(node, document, hints, now, request_key, url)
    except Repeated as error:
        return idempotency.resolved(node, request_key, error)


def _create(
    node: NodeName,
    document: JSON,
    hints: Mapping[str, JSON],
    now: dt.datetime,
    request_key: IdempotencyKey | None,
    url: str | None,
) -> Task:
    deadline = Deadline(invitation.SECONDS_TO_INVITE)
    task = prepare(node, document, hints, now, deadline).evolve(url=url)
    with quota_ledger.charged(task, now):
        return _store(task, now, request_key, deadline)


def _store(task: Task, now: dt.datetime, request_key: IdempotencyKey | None, deadline: Deadline) -> Task:
    new = New(request_key.for_task(task, now) if request_key else None)
    placed = participation.of(task).take_in(now, new, deadline)
    _plan_on(placed, now)
    return placed.task


def dry_run(
    node: NodeName, document: JSON, hints: Mapping[str, JSON], now: dt.datetime
) -> tuple[Task, Proposal]:
    """What ``create`` would make of a task, and when its first run would be; nothing is stored."""
    deadline = Deadline(invitation.SECONDS_TO_INVITE)
    task = prepare(node, document, hints, now, deadline).replanned(now)
    return task, propose(task, now, participation.of(task).have_to_agree)


def prepare(
    node: NodeName, document: JSON, hints: Mapping[str, JSON], now: dt.datetime, deadline: Deadline
) -> Task:
    """A posted task, checked and with its tool chosen; nothing is stored."""
    require_in_service(node)
    test, schedule = check(document, now)
    document = as_kept(document, test)
    admitted = admission.admit(document, hints, now)
    if admitted.rewritten:
        test, schedule = check(admitted.document, now)
        document = as_kept(admitted.document, test)
    participants = _participants(node, test, document["test"]["spec"])
    if len(participants) > 1:
        validation.participants(node, participants)
    validation.contexts(document.get("contexts"), len(participants))
    validation.lead_bind(document)
    tool = _choose_tool(node, document, participants, deadline)
    is_shared = len(participants) > 1
    return assemble(
        {**document, "tool": tool},
        test,
        schedule,
        node=node,
        uuid=TaskId(str(uuid.uuid4())),
        participants=participants,
        participant_key=(document.get("_key") or invitation.new_key()) if is_shared else None,
        added=now,
        hints=hints,
        limit_diags=admitted.diags,
    )


def as_kept(document: Mapping[str, JSON], test: Test) -> dict[str, JSON]:
    """A checked document in the form that tools and other nodes understand: host names in ASCII, and numbers
    without a fraction as integers, but in what is the user's own."""
    kept = {name: value if name == "reference" else as_integers(value) for name, value in document.items()}
    return {**kept, "test": {**kept["test"], "spec": test.in_ascii(kept["test"]["spec"])}}


def check(document: JSON, now: dt.datetime, with_archives: bool = True) -> tuple[Test, Schedule]:
    """A posted document's test and its schedule. Raises Invalid for what this node cannot keep."""
    size = len(json.dumps(document, separators=(",", ":")))
    if size > LARGEST_TASK:
        raise TooLarge(f"The task has {size} characters; at most {LARGEST_TASK} are allowed")
    check_task(document)
    test = validation.test_of(document["test"])
    schedule = validation.schedule_of(document.get("schedule", {}), now)
    if with_archives:
        archive_specs.require_valid(document.get("archives", []))
    return test, schedule


def assemble(
    document: Mapping[str, JSON],
    test: Test,
    schedule: Schedule,
    limit_diags: str,
    **more: Any,
) -> Task:
    """A task of a checked document with its tool in it. Raises Invalid for a run too long to be booked."""
    spec, tool = document["test"]["spec"], registry.tools()[document["tool"]]
    duration = round_up(tool.duration(test.name, spec))
    if test.scheduling_class not in ANYTIME:
        kind = participation.kind(more["node"], more["participants"], more.get("participant", 0))
        kind.require_bookable(duration, len(more["participants"]))
    made = Task(
        document={**document, "schedule": document.get("schedule", {})},
        schedule=schedule,
        duration=duration,
        scheduling_class=test.scheduling_class,
        post=tool.post,
        cli=public_arguments(test.name, spec),
        diags=limit_diags,
        limit_diags=limit_diags,
        **more,
    )
    return made.evolve(started_until=made.added) if made.counts_together else made


def _plan_on(placed: Placed, now: dt.datetime) -> None:
    # A repeating task has more runs inside the horizon: the planner need not wait for its next tick.
    if placed.task.is_due(now):
        queues.announce(queues.PLAN, [(PlanTask(placed.task.node, placed.task.uuid), ZERO)])


def _participants(node: NodeName, test: Test, spec: Mapping[str, JSON]) -> tuple[str, ...]:
    return tuple(name or hostname_of(node) for name in test.participants(spec))


def _choose_tool(
    node: NodeName, document: Mapping[str, JSON], participants: Sequence[str], deadline: Deadline
) -> str:
    test = document["test"]
    kind = participation.kind(node, participants)
    known = Known(
        offers(node, test["type"], test["spec"]), lambda other: offers(other, test["type"], test["spec"])
    )
    told = kind.offers(known, participants[1:], document, deadline)
    return tool_choice.choose(participants, told, document)


def offers(node: NodeName, test: str, spec: Mapping[str, JSON]) -> list[Offer]:
    """What a node says of each tool for a test, in its order of preference."""
    return [Offer(tool.name, reasons_against(node, tool, test, spec)) for tool in registry.tools_for(test)]


def reasons_against(node: NodeName, tool: Tool, test: str, spec: Mapping[str, JSON]) -> list[str]:
    """Why a tool will not perform a test for a node; where it runs may not give it the time."""
    reasons = agent_facts.reasons_against(node, tool, test, spec)
    longest = dt.timedelta(seconds=0 if runs_at_agent(node) else settings().longest_run)
    in_parts = tool.resumes and registry.tests()[test].scheduling_class == MULTI_RESULT
    if not reasons and longest and not in_parts and tool.duration(test, spec) > longest:
        return [f"Would take longer than the {format_duration(longest)} a run can have on this node"]
    return reasons
