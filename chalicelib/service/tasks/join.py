"""Taking part in a task that another node leads (docs/contract/api.md, ``POST /tasks/<uuid>``)."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes, hosts
from chalicelib.domain.conflicts import MULTI_RESULT
from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.archiving import archive_specs
from chalicelib.service.coordination import invitation
from chalicelib.service.limits import admission, quota_ledger
from chalicelib.service.node.node_directory import require_in_service
from chalicelib.service.tasks import create, validation
from chalicelib.store import task_table
from chalicelib.store.transactions import sharing
from plugins import registry


@dataclasses.dataclass(frozen=True)
class Part:
    """What a lead says about one participant of its task, besides the task.

    number          which of the participants it is
    key_is_made_up  whether the key is the lead's own; None where it does not say, and the key's form decides
    """

    number: int
    key_is_made_up: bool | None = None


def join(
    node: NodeName, uuid: TaskId, part: Part, document: JSON, hints: Mapping[str, JSON], now: dt.datetime
) -> Task:
    """Take part in a task. Doing it again is harmless.

    Raises Invalid naming the member at fault, and Forbidden where the node takes nothing on.
    """
    require_in_service(node)
    task = _prepare(node, uuid, part.number, document, hints, now)
    says, looks = part.key_is_made_up, invitation.looks_made_up(task.key)
    task = task.evolve(key_is_made_up=task.key is not None and (looks if says is None else says))
    try:
        with quota_ledger.charged(task, now):
            sharing.insert(task, now)
    except Conflict as error:
        known = _known(node, task.uuid)
        if known is not None and known.is_lead:
            raise Invalid(
                f"{validation.SEPARATE}; this one leads the task", f"/participants/{part.number}"
            ) from error
        if known is None or not _is_same(known, task):
            raise Invalid(error.message) from error
    return task


def _prepare(
    node: NodeName, uuid: TaskId, number: int, document: JSON, hints: Mapping[str, JSON], now: dt.datetime
) -> Task:
    if not isinstance(document, dict):
        raise Invalid("must be an object", "")
    posted = {name: value for name, value in document.items() if name != "participants"}
    test, schedule = create.check(posted, now, with_archives=False)
    posted = create.as_kept(posted, test)
    admitted = admission.admit(posted, hints, now, rewrite=False)
    participants = _participants(document.get("participants"))
    if not 0 < number < len(participants):
        raise Invalid(
            f"participant: must be from 1 to {len(participants) - 1};"
            f" there are {len(participants)} participants"
        )
    if test.scheduling_class == MULTI_RESULT:  # of all others, the lead alone archives
        archive_specs.require_valid(posted.get("archives", []))
    validation.contexts(_own_contexts(posted.get("contexts"), number), len(participants))
    _check_tool(node, posted, test.name)
    return create.assemble(
        posted,
        test,
        schedule,
        node=node,
        uuid=uuid,
        participants=participants,
        participant=number,
        added=now,
        hints=hints,
        limit_diags=admitted.diags,
    )


def _own_contexts(section: Mapping[str, JSON] | None, number: int) -> Mapping[str, JSON] | None:
    """The contexts of this participant alone: those of the others are for the others to have."""
    if section is None:
        return None
    lists = section["contexts"]
    return {**section, "contexts": [each if at == number else [] for at, each in enumerate(lists)]}


def _participants(found: JSON) -> Sequence[str]:
    if not isinstance(found, list) or len(found) < 2:
        raise Invalid("must be an array of all participants, two or more", "/participants")
    for number, name in enumerate(found):
        if not isinstance(name, str):
            raise Invalid("must be the name of a host", f"/participants/{number}")
        try:
            hosts.parse(name)
        except Invalid as error:
            raise error.inside(f"/participants/{number}") from error
    return tuple(found)


def _check_tool(node: NodeName, document: Mapping[str, JSON], test: str) -> None:
    name = document.get("tool")
    tool = registry.tools().get(name) if isinstance(name, str) else None
    if tool is None:
        missing = f"there is no tool {echoes.name(name)}" if isinstance(name, str) and name else None
        raise Invalid(missing or "must name the tool that the lead has chosen", "/tool")
    reasons = create.reasons_against(node, tool, test, document["test"]["spec"])
    if reasons:
        raise Invalid(f"{tool.name} declines here: {'; '.join(reasons)}", "/tool")


def _known(node: NodeName, uuid: TaskId) -> Task | None:
    try:
        return task_table.get(node, uuid)
    except NotFound:
        return None


def _is_same(known: Task, task: Task) -> bool:
    """Whether the task is here already: its lead did not hear our first answer."""
    parts = ("participant", "participants", "key", "tool", "spec", "enabled")
    return all(getattr(known, part) == getattr(task, part) for part in parts)
