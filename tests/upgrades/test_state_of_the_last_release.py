"""This version on state that the last release left behind, and whether ours has what that one reads.

``state-0.2.json`` is what ``make_state`` wrote when it was run with that release's code.
"""

import base64
import datetime as dt
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.messages import AttemptDelivery, PlanShard
from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.run_states import State
from chalicelib.events import queue_handlers
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import reaper
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.store import delivery_table, run_table, shards, task_table
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.connection import connection
from tests import signs_of_life
from tests.builders import NODE
from tests.service.machines import FakeMachine, perform_all
from tests.upgrades import make_state

pytestmark = pytest.mark.usefixtures("empty_aws")
STATE: dict[str, Any] = json.loads((pathlib.Path(__file__).parent / "state-0.2.json").read_text())
MADE = dt.datetime.fromisoformat(STATE["made"])
TASKS: dict[str, TaskId] = {name: TaskId(uuid) for name, uuid in STATE["tasks"].items()}
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _left_behind(empty_aws: None) -> None:
    names = {table.short_name: table.definition()["TableName"] for table in TABLES}
    for table, items in STATE["tables"].items():
        for item in items:
            connection().client.put_item(TableName=names[table], Item=_read(item))


def _read(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An item with its binary attributes, which JSON has not."""
    return {
        name: {"B": base64.b64decode(value["B"]["base64"])} if "B" in value else dict(value)
        for name, value in item.items()
    }


def first_of(name: str) -> RunId:
    return RunId(run_table.first(NODE, TASKS[name]) or "none")


def test_tasks_and_runs_are_read_as_they_were_written() -> None:
    measured = run_table.get(NODE, TASKS["measured"], first_of("measured"))
    alone = run_table.get(NODE, TASKS["alone"], first_of("alone"))

    assert task_table.get(NODE, TASKS["planned"]).document["reference"] == {"of": "the fixture"}
    assert (measured.state, alone.state) == (State.FINISHED, State.PENDING)
    assert measured.documents.result_merged["succeeded"] is True
    assert alone.start - MADE > 25 * MINUTE


def test_a_run_that_is_due_is_dispatched_and_performed() -> None:
    run = run_table.get(NODE, TASKS["planned"], first_of("planned"))

    dispatch_tick.tick(run.start - MINUTE)
    perform_all(NODE, TASKS["planned"], run.uuid, FakeMachine(run.start))

    assert run_table.get(NODE, TASKS["planned"], run.uuid).state is State.FINISHED


def test_a_run_whose_runner_never_came_is_given_up() -> None:
    run = run_table.get(NODE, TASKS["alone"], first_of("alone"))

    dispatch_tick.tick(run.start - MINUTE)
    for minute in range(3):
        reaper.tick(run.end + 10 * MINUTE + minute * MINUTE)

    assert run_table.get(NODE, TASKS["alone"], run.uuid).state is State.MISSED


def test_a_repeating_task_is_planned_on() -> None:
    def last() -> dt.datetime:
        return max(run.start for run in run_table.in_order(NODE, TASKS["measured"]))

    before, later = last(), MADE + DAY
    shard_planner.tick(later)
    for shard in shards.every():
        queue_handlers.handle(PlanShard(NODE, shard), later, Machine())

    assert last() > before


def test_what_was_to_be_archived_is() -> None:
    run = first_of("measured")

    queue_handlers.handle(AttemptDelivery(NODE, run, 0), MADE + DAY, Machine())

    assert delivery_table.get(NODE, run, 0).archived


def test_what_is_old_is_forgotten() -> None:
    signs_of_life.leave("ticker", MADE + 9 * DAY)
    for minute in range(3):
        reaper.tick(MADE + 9 * DAY + minute * MINUTE)

    assert run_table.first(NODE, TASKS["alone"]) is None


def test_the_last_release_finds_in_our_items_what_it_reads() -> None:
    """What all its own items of a table had, ours have, of the same type; more troubles no reader."""
    ours = _ours()

    for table, theirs in STATE["tables"].items():
        needed = {
            name: kind for name, kind in _common(theirs).items() if name not in NO_LONGER.get(table, ())
        }
        for item in ours[table]:
            if theirs and _is_alike(table, item, theirs):
                found = {name: next(iter(value)) for name, value in item.items()}
                assert needed.items() <= found.items(), (table, needed, found)


NO_LONGER = {"runs": ("due", "due_at")}
"""What is missing where it is None: of runs that are over, which wait for nothing any more."""


def _ours() -> dict[str, list[dict[str, Any]]]:
    """What this version writes for the same tasks."""
    known = {table: {_key(item) for item in items} for table, items in STATE["tables"].items()}
    tasks = make_state._posted()
    make_state._measured(tasks["measured"])
    made = make_state._tables()
    return {
        table: [one for one in items if _key(one) not in known.get(table, ())]
        for table, items in made.items()
    }


def _key(item: Mapping[str, Any]) -> str:
    return json.dumps(
        [item.get(name) for name in ("task", "run", "term", "place", "bucket", "entry", "name")]
    )


def _common(items: list[dict[str, Any]]) -> dict[str, str]:
    """The attributes that all have, with their types."""
    each = [{name: next(iter(value)) for name, value in item.items()} for item in items]
    return {
        name: kind
        for name, kind in (each[0] if each else {}).items()
        if all(one.get(name) == kind for one in each)
    }


def _is_alike(table: str, item: Mapping[str, Any], theirs: list[dict[str, Any]]) -> bool:
    """Whether it is an item of a kind that the last release knew: the node's notes are of many."""
    return table != "node" or any(item["name"] == one["name"] for one in theirs)
