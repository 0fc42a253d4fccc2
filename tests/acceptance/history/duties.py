"""Rules of a history for what is to be done once, by one alone, and in the end: see ``judge.py``."""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from tests.acceptance.history.case import FINAL, Case, instant
from tests.acceptance.history.network import Sent
from tests.acceptance.history.work import STEP
from tests.acceptance.history.world import BEGINNING

LATE = 5 * 60
"""Seconds after which what is due has been looked at, where nothing is wrong."""
RESUMED = 5 * 60
"""Seconds within which what streams is carried on: a lease, a tick or two, and what comes twice."""


def _final_is_final(case: Case) -> Iterator[str]:
    """What has come to its end, and been explained, is not undone as if it had never been."""
    for life in case.lives.values():
        if life.gone == "Transact Delete runs" and life.state in FINAL:
            yield f"{life.name} was {life.state} and then undone"


def _given_back(case: Case) -> Iterator[str]:
    """Time that was given back is not taken again, and what is forgotten leaves nothing in the calendar."""
    for change in case.history.changes:
        if not change.table.endswith("-timeline") or change.new is None or change.new["entry"] == "guard":
            continue
        if "start" not in change.new:
            yield f"{change.how} left half an entry: {change.new}"
        elif change.old is not None and change.new["end"] > change.old["end"]:
            yield f"{change.how} took time again that {change.new['run'][:8]} had given back"


def _done_by_one(case: Case) -> Iterator[str]:
    """No two planners have a shard at a time, and a run is sent to a runner once, or again for a reason."""
    for change in case.history.changes:
        overtaken = change.table.endswith("-node") and change.old and change.new
        if not overtaken or "#plan-shard-" not in change.new["name"]:
            continue
        if change.old["expires"] > BEGINNING.timestamp() + change.at:
            yield f"{change.new['name']} was taken from its planner at {change.at:.3f}"
    for place in _sent_again(case):
        yield f"{place} was sent again, though whoever sent it before was alone at it and lived to note it"


def _sent_again(case: Case) -> Iterator[tuple[str, str]]:
    """The runs that were sent to a runner again for neither of the two reasons there are: that whoever sent
    them before died before it was noted, or that two were at it at a time, of which one alone moves the mark.
    What streams is sent to whoever carries it on."""
    sent = defaultdict(list)
    for each in case.history.sent:
        if each.queue == "runs" and "until" not in each.told:
            sent[each.node, each.told["run"]].append(each)
    dispatchers = {each.sender: each for those in sent.values() for each in those if each.kind == "dispatch"}
    for place, those in sent.items():
        if place in case.lives and case.streams(case.lives[place]):
            continue
        for before, _ in itertools.pairwise(those):
            if not (before.died or any(_met(before, other) for other in dispatchers.values())):
                yield place


def _met(one: Sent, other: Sent) -> bool:
    """Whether two that are not the same were at work at the same time."""
    return one.sender != other.sender and one.began <= other.ended and other.began <= one.ended


def _at_rest(case: Case) -> Iterator[str]:
    """In the end the planner has nothing before it that it should have looked at, or need not look at."""
    for (node, task), item in case.tasks.items():
        waits = "#purge#" not in item["plan"]
        if waits and not item["enabled"]:
            yield f"task {task[:8]} at {node} was cancelled, and is to be planned"
        if waits and instant(item["plan_at"]) < case.history.over_at - LATE:
            yield f"task {task[:8]} at {node} was to be planned at {item['plan_at']}"


def _streamed(case: Case) -> Iterator[str]:
    """Each result that a tool was told is kept is there once, and none twice."""
    rows = [life for life in case.lives.values() if life.is_streamed]
    kept = Counter((life.node, *_place(life.documents.get("result_merged"))) for life in rows)
    for place in (place for place, times in kept.items() if times > 1):
        yield f"the result {place} is there more than once"
    for place in sorted(set(case.history.notes.emitted) - set(kept)):
        if place not in case.history.agents.lost_places:
            yield f"the result {place} is lost"
    done = case.history.notes.performances
    for one, other in _neighbours(each for each in done if each.scheduling_class == "background-multi"):
        if other.began < one.ended:
            yield f"{one} and {other} streamed at the same time"


def _neighbours(done: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """What was done of the same run, each with what was begun next."""
    by_run = defaultdict(list)
    for each in done:
        by_run[each.node, each.run].append(each)
    for those in by_run.values():
        yield from itertools.pairwise(sorted(those, key=lambda each: each.began))


def _place(result: dict[str, Any]) -> tuple[str, int]:
    return result["run"], int(result["number"])


def _carried_on(case: Case) -> Iterator[str]:
    """What streams is at it to its end once there are no faults any more, whatever happened before."""
    last = {(node, run): number for node, run, number in case.history.notes.emitted}  # each in their order
    for place, life in case.lives.items():
        kept = life.is_kept and case.tasks[life.node, life.task]["enabled"]
        if not kept or not case.streams(life) or life.planned_end < case.history.calm_at + RESUMED:
            continue
        if life.documents.get("reason"):  # missed while paused, or never agreed on
            continue
        if life.state != "finished" or last.get(place) != (life.planned_end - life.start - 1) // STEP:
            yield f"{life.name} is {life.state}, and streamed up to {last.get(place)}"


def _archived(case: Case) -> Iterator[str]:
    """All that was to be delivered was, but for what was forgotten; and never by two at a time."""
    attempts = case.history.notes.attempts
    delivered = {(attempt.node, attempt.run) for attempt in attempts if attempt.archived}
    for one, other in _neighbours(attempts):
        if other.began < one.ended:
            yield f"{one} and {other} were made at the same time"
    for (node, run), life in case.lives.items():
        body = json.loads(case.tasks[node, life.task]["body"])
        archives = body["document"].get("archives") and (body["participant"] == 0 or life.is_streamed)
        ended = life.state in ("finished", "failed") and life.documents.get("result_merged")
        if archives and ended and life.is_kept and (node, run) not in delivered:
            yield f"{life.name} was never archived"


RULES = (_final_is_final, _given_back, _done_by_one, _at_rest, _streamed, _carried_on, _archived)
