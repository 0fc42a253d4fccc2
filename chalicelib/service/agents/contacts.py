"""An agent's contact: what it says of itself is kept, what it is to do is told."""

import datetime as dt
from collections.abc import Mapping

from chalicelib.domain.agent_protocol import MOST_OFFERED
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.served_nodes import ServedNode
from chalicelib.domain.times import format_timestamp
from chalicelib.service.agents import bell_carriers, claims, looks, offers
from chalicelib.service.node import agent_questions
from chalicelib.store import agent_bells, agent_records, node_registry, run_table
from chalicelib.store.agent_bells import Bell

AGAIN = 1
"""Seconds to the next contact where more is to come, or what the bell rang for is not to be seen yet."""


def contact(known: ServedNode, said: Mapping[str, JSON], now: dt.datetime) -> dict[str, JSON]:
    """The answer to a contact (docs/agent-protocol.md); ``said`` has its form."""
    node = known.node
    bell = agent_bells.read(node)  # before anything else: what is placed meanwhile rings it again
    known_of_it = agent_records.read(node)
    last = known_of_it.contact
    cancelled = _cancelled(node, said, bell, last)
    look = looks.next_look(said, bell, last, now)
    found = offers.to(node, said["instance"], {each["run"] for each in said["held"]}, now, look.since)
    taken = claims.take_offered(found[: said.get("take", 0)], said["instance"], now)
    runs = [each.assignment for each in found]
    answered = bell.number if runs else last.get("answered", 0)
    record = {**_record(said, bell, now), "cancelled": cancelled, "answered": answered}
    node_registry.note_contact(node, {**record, **look.record(runs, now)})
    unsettled = answered != bell.number and not looks.is_settled(bell, now)
    carrier = bell_carriers.of(node, now)
    return {
        "time": format_timestamp(now),
        "every": AGAIN
        if unsettled or len(runs) == MOST_OFFERED
        else bell_carriers.every(carrier, said["held"]),
        "bell": bell.number,
        "carrier": carrier,
        "facts-wanted": said.get("facts") is None or known_of_it.digest != said["facts"],
        "runs": [run.to_json() for run in runs],
        "taken": taken,
        "cancelled": cancelled,
        "asks": agent_questions.still_open(known_of_it.questions, now),
    }


def _record(said: Mapping[str, JSON], bell: Bell, now: dt.datetime) -> dict[str, JSON]:
    """What is kept of a contact, and shown of the agent: besides, which runs were told to be cancelled, and
    the last ring for which there were runs to offer."""
    return {
        "at": format_timestamp(now),
        "instance": said["instance"],
        "version": said["version"],
        "clock": said.get("clock"),
        "held": len(said["held"]),
        "waiting": said.get("waiting", 0),
        "cancels": bell.cancels,
    }


def _cancelled(node: NodeName, said: Mapping[str, JSON], bell: Bell, last: Mapping[str, JSON]) -> list[JSON]:
    """Runs that the agent holds and is not to start, or is to stop.

    All that it holds are looked at only when something was cancelled since its last contact.
    """
    held: dict[RunId, TaskId] = {RunId(each["run"]): TaskId(each["task"]) for each in said["held"]}
    if last.get("instance") == said["instance"] and last.get("cancels") == bell.cancels:
        return [each for each in last["cancelled"] if each["run"] in held]
    standing = run_table.standing(node, [(task, run) for run, task in held.items()])
    return [
        {"task": task, "run": run}
        for run, task in held.items()
        if run not in standing or not standing[run].is_held_by(said["instance"])
    ]
