"""Invite other nodes to take part in a task, at its lead (docs/contract/scheduler.md section 13).

    levels, tools ──> tool chosen ──> stored, disabled ──> posted to the others ──> enabled
                                           └── whatever goes wrong from here: deleted here and,
                                               however long that takes, at all of them

The outbox requests that would undo it all are stored with the task, before anything goes out, and dropped
when it is enabled: so a crash in between leaves nothing behind.
"""

import datetime as dt
import re
import secrets
import string
from collections.abc import Mapping, Sequence

from chalicelib.domain.errors import Conflict, PeerError, Refused
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.coordination.planner import on_lease
from chalicelib.service.peers import outbox
from chalicelib.service.peers.peer_client import (
    QUESTION,
    TASK,
    TOOLS,
    Deadline,
    PeerGroup,
    ask_hosts,
    ask_tools,
    replies,
    told,
)
from chalicelib.store import task_table
from chalicelib.store.idempotency_records import IdempotencyRecord
from chalicelib.store.transactions import sharing

SECONDS_TO_INVITE = 25.0
"""Seconds the posting of a task may take: whoever posts it waits, and gateways give up after 29."""
UNDO_AFTER = dt.timedelta(minutes=2)
"""When what was begun and never ended is undone."""
VERDICTS = 6
"""The API level from which a node says of each tool whether it can run, the latest that is asked for here."""
REASONS = 20
"""Reasons against a tool that are passed on."""
KEY_IS_MADE_UP = "key-is-made-up"
"""The argument by which a lead says whether the key in an invitation is its own; the reference has none, and
ignores it."""
_ALPHABET = string.ascii_letters + string.digits
_MADE_UP = re.compile(r"[0-9A-Za-z]{32,64}")
"""The form of keys that leads of the reference make up (docs/contract/scheduler.md section 6)."""


def new_key() -> str:
    """A secret that lets the lead of a task write at its other participants."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(48))


def looks_made_up(key: str | None) -> bool:
    """Whether a key looks like one that a lead of the reference made up, where the lead does not say so."""
    return _MADE_UP.fullmatch(key or "") is not None


def offers(
    hosts: Sequence[str], test: Mapping[str, JSON], bind: str | None, deadline: Deadline
) -> list[list[Offer]]:
    """What each host says of its tools for a test. Raises PeerError, which names the host at fault."""
    if not hosts:
        return []
    levels = {reply.host: _level(reply) for reply in ask_hosts(hosts, "/api", bind, deadline.most(QUESTION))}
    lists = ask_tools(levels, {"spec": test["spec"], "type": test["type"]}, bind, deadline.most(TOOLS))
    return [_offers(host, levels[host], lists[host]) for host in hosts]


def _level(reply: Reply) -> int:
    level = reply.json()
    if isinstance(level, bool) or not isinstance(level, int):
        raise Refused(reply.host, "is not running pScheduler", reply.status)
    return min(level, VERDICTS)  # whatever a later level has is not known here


def _offers(host: str, level: int, tools: JSON) -> list[Offer]:
    try:
        if level < VERDICTS:  # such a node lists the willing ones only
            return [Offer(_name(tool["name"])) for tool in tools]
        return [Offer(_name(entry["tool"]["name"]), _reasons(entry["can-run"])) for entry in tools]
    except (KeyError, TypeError) as error:
        raise Refused(host, "listed its tools in an unexpected form", 200) from error


def _name(name: JSON) -> str:
    if not isinstance(name, str):
        raise TypeError
    return name


def _reasons(verdict: Mapping[str, JSON]) -> list[str]:
    """Why a tool is not willing, in as many words as are passed on."""
    if verdict["can-run"]:
        return []
    reasons = verdict.get("reasons") or "It does not say why"
    listed = reasons if isinstance(reasons, list) else [reasons]
    return [told(reason) for reason in listed[:REASONS]]


def invite(
    task: Task, now: dt.datetime, deadline: Deadline, idempotency_record: IdempotencyRecord | None = None
) -> Task:
    """Store a task and have all its participants take part in it.

    Raises PeerError naming the host at fault, or Repeated when somebody else used the idempotency key; the
    task is then gone here, and deleted everywhere else.
    """
    undoing = [withdrawal(task, host, now, wait=UNDO_AFTER) for host in task.others.values()]
    new = task.evolve(enabled=False, plan_at=None)
    sharing.insert(new, now, undoing)
    try:
        _post(PeerGroup(new, deadline))
        return sharing.enable(on_lease(task.replanned(now), now), now, undoing, idempotency_record)
    except (PeerError, Conflict):
        outbox.hurry(undoing, now)
        task_table.delete(new)
        raise


def _post(peer_group: PeerGroup) -> None:
    told = invitation(peer_group.task)
    known = {KEY_IS_MADE_UP: "no" if peer_group.task.key else "yes"}
    calls = {
        number: peer_group.call(
            number, "POST", args={"participant": str(number), **known}, body=told, timeout=TASK
        )
        for number in peer_group.task.others
    }
    replies(peer_group.send(calls))
    replies(peer_group.ask("GET", args={"detail": "True"}))


def invitation(task: Task) -> dict[str, JSON]:
    """The task as another participant is told of it.

    ``keep-after-archive`` is for who archives, and nodes of the reference take it from clients only.
    """
    document = {name: value for name, value in task.document.items() if name != "keep-after-archive"}
    if document.get("schema", 1) > 4:
        document["schema"] = 4
    return {**document, "participants": list(task.participants), "_key": task.participant_key}
