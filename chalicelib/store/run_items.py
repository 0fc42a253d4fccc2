"""A run as an item of its table, and back: what is kept of it, and where it is filed to be looked at."""

import datetime as dt
import json
import math
import zlib
from typing import Any

from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Documents, Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import blobs
from chalicelib.store import counted_hours, shards
from chalicelib.store.models.instants import moment
from chalicelib.store.models.item_keys import bare, key, owner
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.raw_items import RawItem

GRACE = dt.timedelta(seconds=30)
"""How late a run may be before it is given up: missed, or overdue."""
LARGEST_ITEM = 300_000
"""Bytes of compressed documents an item holds; an item may have 400 KB, keys and indexes included."""

AGREE, DISPATCH, GIVE_UP, PURGE = "agree", "dispatch", "give-up", "purge"
"""Why a run is due: agreed on by its participants, sent to its runner, given up on; and, of version 1 and
where a task was forgotten before, forgotten. One to be dispatched stays where it is, at its start, until it
expires: what was sent of a shard one mark says, and up to where all are over, or filed otherwise, another."""
AGREEING = dt.timedelta(minutes=2)
"""How long a run may wait for the agreement of its participants where it is the lead's."""
BEING_TOLD = dt.timedelta(minutes=10)
"""The same at the others, who wait for the lead: it may be one that asks them one by one."""
NO_DOCUMENTS = Documents()
COLLECTING = dt.timedelta(seconds=60)
"""How late the results of the other participants may be merged."""


BRIEF = dt.timedelta(minutes=5)
"""How long a run takes at most that is filed under how it will end, most likely, from the beginning."""
BRIEF_UNTIL = BRIEF + GRACE + dt.timedelta(minutes=2)
"""How long after its start such a run is looked for among those not over. It was given up before that: half a
minute after its end at the latest, by a tick that comes every minute, should one have failed."""


def _shown(state: State) -> State:
    return State.PENDING if state is State.RUNNING else state


def _filed_under(run: Run) -> State:
    """The state under which the index of states has it; which one it is in, its entry says.

    Nearly all runs finish, and to move an entry is a write more than to change it. A run that may go on for
    long is filed under its state: where it is among all that finished, it would be far to look back for.
    """
    shown = _shown(run.state)
    latest = max(run.end, run.leased_until or run.end)
    is_to_finish = shown is State.PENDING and latest - run.start <= BRIEF
    return State.FINISHED if is_to_finish else shown


def to_item(run: Run) -> RunItem:
    """The whole item of a run that is to be written; documents too large for it go to the bucket first, and
    what is known of its hour is forgotten."""
    counted_hours.changing(run)
    waits = due_for(run)
    content = zlib.compress(json.dumps(run.documents.stored(), separators=(",", ":")).encode())
    elsewhere = (
        f"{key(run.node, run.task)}/{run.uuid}/{run.revision}" if len(content) > LARGEST_ITEM else None
    )
    if elsewhere:
        blobs.put(elsewhere, content)
    return RunItem(
        key(run.node, run.task),
        run.uuid,
        start=run.start,
        end=run.end,
        state=_shown(run.state).value,
        begun=run.began or run.state is State.RUNNING or None,
        added=run.added,
        priority=run.priority,
        errors=run.errors,
        reason=run.documents.reason,
        documents=None if elsewhere else content,
        documents_at=elsewhere,
        revision=run.revision,
        due=waits and due_key(waits[0], run.uuid),
        due_at=waits and waits[1],
        state_key=key(run.node, _filed_under(run).value),
        lane=run.lane or None,
        abandoned=run.abandoned or None,
        holder=run.holder,
        received=run.received or None,
        expires=_expiry(run),
    )


def _expiry(run: Run) -> int:
    """When the table drops it by itself: once it is over, as early as it may go, and later before that."""
    if run.state.is_final:
        return math.ceil((run.purge_at or run.end + KEEP_AFTER_LAST_RUN).timestamp())
    return math.ceil((run.end + KEEP_AFTER_LAST_RUN * 2).timestamp())


def due_for(run: Run) -> tuple[str, dt.datetime] | None:
    """What a run waits for in its state, and under when it is filed for that; None for nothing.

    One that begins stays filed as it was where it is over so soon that whoever comes to look whether it has
    begun sees whether it is, and where it is over then, too: each place in the index is a write.
    """
    if run.state.is_final:
        return (DISPATCH, run.start) if _stays_filed(run) else None
    if run.state is State.SCHEDULING:
        return AGREE, min(run.start, run.added + AGREEING)
    if run.awaiting:
        return AGREE, min(run.start, run.added + BEING_TOLD)
    if run.leased_until is None and not run.dispatched and not _is_filed_by_its_end(run.state, run):
        return DISPATCH, run.start
    return GIVE_UP, run.leased_until or _filed_at(run.state, run)


def _stays_filed(run: Run) -> bool:
    """Whether a run that is over is where it was filed to be dispatched: it began, and moved nowhere."""
    began = run.state in (State.FINISHED, State.FAILED)
    moved = run.dispatched or run.leased_until or run.holder or run.end - run.start > GRACE
    return began and not moved


def given_up_at(run: Run) -> dt.datetime:
    """When a run that waits too long in its state is given up, or its agent or another runner looked for."""
    waits = due_for(run)
    if waits and waits[0] == AGREE:
        return waits[1]
    if run.state is State.RUNNING:
        return run.leased_until or run.end + GRACE
    return run.leased_until or _filed_at(run.state, run)


def _is_filed_by_its_end(state: State, run: Any) -> bool:
    is_long: bool = run.end - run.start > GRACE
    return state is State.CLEANUP or bool(run.holder) or (state is State.RUNNING and is_long)


def _filed_at(state: State, run: Any) -> dt.datetime:
    """Under when a run, or its item, is filed to be looked at, where nothing else is said."""
    at: dt.datetime = run.end if _is_filed_by_its_end(state, run) else run.start
    return at + (COLLECTING if state is State.CLEANUP else GRACE)


def due_key(reason: str, uuid: RunId) -> str:
    return shards.place(shards.of(uuid), reason)


def listed(found: RawItem) -> Run:
    """An item, of the table or of an index, without what only the table has: of its documents the reason.

    It is read as it comes, since lists read thousands of them.
    """
    item = found.members
    node, _, task = item["task"]["S"].rpartition("#")
    start, began = moment(item["start"]["S"]), "begun" in item
    state = State(item["state"]["S"])
    return Run(
        node=NodeName(node),
        task=TaskId(task),
        uuid=RunId(item["run"]["S"]),
        start=start,
        end=moment(item["end"]["S"]),
        state=State.RUNNING if began and state is State.PENDING else state,
        added=moment(item["added"]["S"]) if "added" in item else start,
        priority=int(item["priority"]["N"]) if "priority" in item else None,
        errors=item["errors"]["S"] if "errors" in item else None,
        documents=Documents(reason=json.loads(item["reason"]["S"])) if "reason" in item else NO_DOCUMENTS,
        began=began,
    )


def _lease(item: Any) -> dt.datetime | None:
    """When a run is looked at, where that is not when one in its state usually is."""
    if f"#{GIVE_UP}#" not in (item.due or ""):
        return None
    usual = _filed_at(state_of(item), item)
    return None if item.due_at == usual else item.due_at


def _purge_at(item: Any) -> dt.datetime | None:
    """When a run that is over goes, where that was said."""
    if f"#{PURGE}#" in (item.due or ""):
        filed: dt.datetime = item.due_at
        return filed
    usual = math.ceil((item.end + KEEP_AFTER_LAST_RUN).timestamp())
    is_said = state_of(item).is_final and item.expires and item.expires != usual
    return dt.datetime.fromtimestamp(item.expires, UTC) if is_said else None


def state_of(item: Any) -> State:
    """Its state. One that has begun is filed as pending all the same: a change of what the index shows is a
    write, and those that are to have begun by now, and are not over, are few."""
    state = State(item.state)
    return State.RUNNING if item.begun and state is State.PENDING else state


def to_run(item: Any) -> Run:
    """A whole item as a run."""
    content = blobs.get(item.documents_at) if item.documents_at else item.documents
    return Run(
        node=owner(item.task),
        task=TaskId(bare(item.task)),
        uuid=RunId(item.run),
        start=item.start,
        end=item.end,
        state=state_of(item),
        added=item.added or item.start,
        priority=None if item.priority is None else int(item.priority),
        errors=item.errors,
        began=bool(item.begun),
        documents=Documents.restored(json.loads(zlib.decompress(content))),
        documents_at=item.documents_at,
        awaiting=f"#{AGREE}#" in (item.due or ""),
        dispatched=not any(f"#{why}#" in (item.due or "") for why in (AGREE, DISPATCH)),
        leased_until=_lease(item),
        purge_at=_purge_at(item),
        revision=int(item.revision),
        lane=item.lane or "",
        abandoned=int(item.abandoned or 0),
        holder=item.holder,
        received=int(item.received or 0),
    )
