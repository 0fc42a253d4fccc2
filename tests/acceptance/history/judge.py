"""The judge of a history. It knows the contract's rules by itself, and nothing of the planner.

All it goes by is what was written, item by item, in the order of writing, what tool and archiver noted,
and what clients were answered. Every ``_`` function says, in sentences, what is wrong in one respect;
``duties.py`` has those of what is to be done once, and in the end, ``agent_rules.py`` those of what is done
at agents.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.acceptance.history import agent_rules, duties
from tests.acceptance.history.case import FINAL, Case
from tests.acceptance.history.simulation import History
from tests.acceptance.history.work import Performance

NEXT = {
    "scheduling": "pending preempted canceled nonstart",
    "pending": "running missed failed preempted canceled nonstart",
    "running": "cleanup finished overdue missed failed preempted canceled",
    "cleanup": "finished failed",
    "overdue": "finished missed failed canceled preempted",
    "finished": "failed",
    "missed": "failed",
    "nonstart": "canceled",
}
"""The ways between the states of a run (docs/contract/scheduler.md section 2)."""
AT_AGENTS = {**NEXT, "pending": f"{NEXT['pending']} cleanup finished overdue"}
"""The same where tools are at an agent, whose start may not have been heard of."""
UNSUCCESSFUL = FINAL - {"finished", "failed"}
MARGIN = 3
"""Seconds before its start in which a run cannot be displaced any more."""
HEARD = 8 * 60
"""Seconds in which a request to another node is heard where nothing is wrong: it is made again after 300."""


def violations(history: History) -> list[str]:
    """All that is wrong with a history, in sentences."""
    case = Case(history)
    rules = (
        _broke,
        _conflicts_booked,
        _conflicts_performed,
        _states,
        _counts,
        _expected,
        _left_at_peers,
        _outbox_requests,
        _agreed,
        _performed_once,
        _explained,
        *duties.RULES,
        *agent_rules.RULES,
    )
    return [f"{rule.__name__.strip('_')}: {said}" for rule in rules for said in rule(case)]


def _broke(case: Case) -> Iterator[str]:
    yield from case.history.broken
    yield from case.ghosts


def _rank(item: dict[str, Any]) -> int:
    return int(item.get("priority") or 0)


def _conflicts_booked(case: Case) -> Iterator[str]:
    """At each booking: nothing that cannot share its time ranks as high, or is about to start."""
    taken: dict[str, dict[Any, dict[str, Any]]] = defaultdict(dict)
    for change in case.history.changes:
        item = change.new or change.old
        if item is None or not change.table.endswith("-timeline") or item["entry"] == "guard":
            continue
        node = item["bucket"].partition("#")[0]
        if change.old is None and change.new is not None:
            for other in taken[node].values():
                if _conflict(item, other, change.at):
                    yield f"{item['run'][:8]} was booked over {other['run'][:8]} at {node}"
        key = (item["bucket"], item["entry"])
        if change.new is None:
            taken[node].pop(key, None)
        else:
            taken[node][key] = change.new


def _conflict(new: dict[str, Any], other: dict[str, Any], now: float) -> bool:
    shared = new["start"] < other["end"] and other["start"] < new["end"]
    return shared and (new["exclusive"] or other["exclusive"]) and _rank(other) >= _rank(new)


def _conflicts_performed(case: Case) -> Iterator[str]:
    """No tool worked while another did that it cannot share the node with, but by its priority."""
    by_node = defaultdict(list)
    for done in case.history.notes.performances:
        if not done.scheduling_class.startswith("background"):
            by_node[done.node].append(done)
    for one, other in itertools.chain(*(itertools.combinations(each, 2) for each in by_node.values())):
        exclusive = "exclusive" in (one.scheduling_class, other.scheduling_class)
        shared = min(one.ended, other.ended, one.end, other.end) - max(one.began, other.began)
        if exclusive and shared > 0.01 and not _excused(case, one, other):
            yield f"{one} and {other} worked at the same time"


def _excused(case: Case, one: Performance, other: Performance) -> bool:
    if not (one.by_known_clock and other.by_known_clock):
        return True
    # An agent that is not told that a run was displaced goes ahead with it.
    ranks = {_rank(case.lives[each.node, each.run].last) for each in (one, other)}
    unheard = one.node in case.history.at_agents and len(ranks) == 2
    return unheard or _displaced_too_late(case, one, other)


def _displaced_too_late(case: Case, one: Performance, other: Performance) -> bool:
    """Whether one was placed over the other by its priority when that was beyond being stopped."""
    for over, under in ((one, other), (other, one)):
        upper, lower = case.lives[over.node, over.run], case.lives[under.node, under.run]
        if _rank(upper.last) > _rank(lower.last) and upper.written[0][0] > under.start - MARGIN:
            return True
    return False


def _states(case: Case) -> Iterator[str]:
    """Every run that is kept came to one final state, by ways that there are."""
    for life in case.lives.values():
        for (_, old), (_, new) in itertools.pairwise(life.states):
            ways = AT_AGENTS if life.node in case.history.at_agents else NEXT
            if new not in ways.get(old, "").split():
                yield f"{life.name} went from {old} to {new}"
        ended = [state for _, state in life.states if state in FINAL]
        if life.gone is not None and life.state in ("running", "cleanup"):
            yield f"{life.name} was forgotten while it was {life.state}"
        if life.is_kept and len(ended) != 1:
            yield f"{life.name} has {len(ended)} final states: {life.states}"


def _counts(case: Case) -> Iterator[str]:
    """A task counts what was placed of it, be it forgotten since, but not what was undone."""
    for (node, task), item in case.tasks.items():
        lives = case.of(node, task)
        placed = sum(life.placed for life in lives)
        if item["runs"] != placed:
            yield f"task {task[:8]} at {node} counts {item['runs']:g} runs; {placed} were placed"
        begun = [life for life in lives if life.has_begun]
        if item["runs_started"] > len(begun):
            yield f"task {task[:8]} at {node} counts {item['runs_started']:g} started; {len(begun)} were"


def _expected(case: Case) -> Iterator[str]:
    """Of a task that was taken in and never cancelled, all runs it was to have are there, at its lead."""
    for task, order in case.history.posted.items():
        item = case.tasks.get((order.lead, task))
        if item is None:
            yield f"task {task[:8]} was taken in by {order.lead} and is not there"
            continue
        kept = [life for life in case.of(order.lead, task) if life.is_kept and not life.is_streamed]
        most = order.expected + (task in case.history.by_hand)
        if order.cancelled is None:
            if not item["enabled"]:
                yield f"task {task[:8]} at {order.lead} was cancelled by nobody: {item.get('plan_reason')}"
            elif not order.expected <= len(kept) <= most:
                yield f"task {task[:8]} at {order.lead} has {len(kept)} of {order.expected} runs"


def _left_at_peers(case: Case) -> Iterator[str]:
    """What a lead gave up, or cancelled, is not kept by others as something to come, or as having been; nor
    do they begin it when they must have heard."""
    for (node, task), item in case.tasks.items():
        lead = json.loads(item["body"])["participants"][0]
        if node == lead:
            continue
        at_lead = case.tasks.get((lead, task))
        there = item["enabled"] and (node, task) not in case.forgotten
        if there and (at_lead is None or not at_lead["enabled"]):
            yield f"task {task[:8]} is alive at {node}, not at its lead {lead}"
        for life in case.of(node, task):
            if life.is_kept and not life.is_streamed and life.state not in ("nonstart", "canceled"):
                theirs = case.lives.get((lead, life.run))
                since = theirs.given_up_at if theirs else 0
                heard = None if since is None else max(since, case.history.calm_at) + HEARD
                unheard = heard and (not life.has_begun or (life.began_at or 0) > heard)
                if unheard and not (at_lead and not at_lead["enabled"]):
                    yield f"{life.name} is {life.state}; its lead gave it up"


def _outbox_requests(case: Case) -> Iterator[str]:
    for item in case.outbox_requests.values():
        yield f"still to be done: {item['method']} at {item['host']}{item['path']}, {item.get('error')}"


def _agreed(case: Case) -> Iterator[str]:
    """Whoever began had the run of every participant booked before, and a lead had told them all."""
    for life in case.lives.values():
        began = life.began_at
        if began is None:
            continue
        lead, *others = json.loads(case.tasks[life.node, life.task]["body"])["participants"]
        for host in (lead, *others):
            theirs = case.lives.get((host, life.run))
            if theirs is None or theirs.written[0][0] > began:
                yield f"{life.name} began at {began:.3f} before {host} had it"
            elif life.node == lead and not theirs.was_told_by(began):
                yield f"{life.name} began at {began:.3f} before {host} knew that all agreed"


def _performed_once(case: Case) -> Iterator[str]:
    seen = set()
    for done in case.history.notes.performances:
        if (done.node, done.run) in seen and done.scheduling_class != "background-multi":
            yield f"the tool began run {done.run[:8]} at {done.node} twice"
        seen.add((done.node, done.run))
        task = case.tasks[done.node, case.lives[done.node, done.run].task]
        everybody = list(range(len(json.loads(task["body"])["participants"])))
        if done.told != everybody:
            yield f"the tool began run {done.run[:8]} at {done.node} knowing of {done.told} alone"


def _explained(case: Case) -> Iterator[str]:
    """Whatever did not end by itself says why, with a code and a sentence."""
    for life in case.lives.values():
        if life.is_kept and life.state in UNSUCCESSFUL:
            reason = life.documents.get("reason") or {}
            if not (reason.get("code") and len(reason.get("message") or "") > 10):
                yield f"{life.name} is {life.state} and does not say why: {reason}"
