"""What is told of a change of an item, as the stream of its table has it."""

import dataclasses
from typing import Any

import pytest

from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.names import NodeName
from chalicelib.domain.rollup import rolled
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series
from chalicelib.store import (
    alert_table,
    events,
    point_table,
    run_items,
    series_table,
    stream_records,
    task_items,
)
from chalicelib.store.models.base import Table
from chalicelib.store.stream_records import STREAMED, Streamed
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")

TASKS, RUNS, POINTS, ALERTS = STREAMED
SERIES = Series("rtt", "ping", "here", "b.example.org", "0123", "label")
POINT = Point(at(5), "run", "task", State.FINISHED, {"rtt.mean": 1.5})
ONE = task()


def image(item: Table | None) -> dict[str, Any] | None:
    return None if item is None else item.get_save_kwargs_from_instance()["Item"]


def told(streamed: Streamed, old: Table | None, new: Table | None, node: NodeName = NODE) -> Any:
    """What is told of an item that was one and is another."""
    either = image(new or old)
    assert either is not None
    keys = {name: either[name] for name in (streamed.table._hash_keyname,)}
    images = {"OldImage": image(old), "NewImage": image(new)}
    change = {"Keys": keys, **{name: found for name, found in images.items() if found is not None}}
    return stream_records.members(streamed, {"dynamodb": change}, node)


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (None, ONE, "added"),
        (ONE, None, "deleted"),
        (ONE, ONE.evolve(enabled=False), "disabled"),
        (ONE.evolve(enabled=False), ONE, "enabled"),
        (ONE, ONE.evolve(runs_started=3), None),
    ],
)
def test_of_a_task_it_is_told_that_it_comes_goes_and_is_switched(before: Any, after: Any, state: Any) -> None:
    items = [one and task_items.to_item(one, NOON) for one in (before, after)]

    assert told(TASKS, *items) == (state and events.of_task(ONE, state))
    assert told(TASKS, *items, node=NodeName("other")) is None


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({"state": State.RUNNING}, True),
        ({"state": State.FINISHED}, True),
        ({"end": at(60)}, True),
        ({"errors": "oh"}, True),
        ({"received": 3}, True),
        ({"leased_until": at(60)}, False),
        ({"holder": "one", "revision": 7}, False),
        ({"state": State.SCHEDULING}, False),
    ],
)
def test_of_a_run_it_is_told_what_one_may_see_of_it(changes: dict[str, Any], is_told: bool) -> None:
    one = run(ONE, 5)
    changed = dataclasses.replace(one, **changes)
    before, after = run_items.to_item(one), run_items.to_item(changed)

    assert told(RUNS, before, after) == (events.of_run(changed) if is_told else None)
    assert told(RUNS, None, after) == events.of_run(changed)
    assert told(RUNS, after, None) is None


def test_of_a_point_it_is_told_in_which_series_it_is() -> None:
    stream_records.forget()
    item = point_table.point_item(NODE, SERIES.uuid, POINT)
    assert told(POINTS, None, item) is None  # its series is gone

    series_table.add(NODE, SERIES, NOON, NOON)

    assert told(POINTS, None, item) == events.of_point(SERIES, POINT)
    assert told(POINTS, item, None) is None
    hour = point_table.hour_item(NODE, SERIES.uuid, NOON, rolled([POINT]), [POINT])
    assert told(POINTS, None, hour) is None


def test_of_an_alert_it_is_told_that_its_state_is_another() -> None:
    good = Alert(NODE, "loss", SERIES, NOON, NOON)
    bad = good.evolve(state=AlertState.CRITICAL)
    before, after = (alert_table._to_item(one, at(60)) for one in (good, bad))

    assert told(ALERTS, None, before) is told(ALERTS, after, after) is told(ALERTS, after, None) is None
    assert told(ALERTS, None, after) == told(ALERTS, before, after) == events.of_alert(bad)
    assert told(ALERTS, after, before) == events.of_alert(good)
