"""Points are left, rolled up and read; late ones too, and none is lost or counted twice."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.errors import Conflict, Invalid, NotFound
from chalicelib.domain.run_states import State
from chalicelib.domain.series import GRACE, HOUR, rolled_up_at, series_of
from chalicelib.domain.task import Task
from chalicelib.domain.times import INSTANT
from chalicelib.service.series import hourly_rollups, points, series_reader
from chalicelib.store import changes, point_table, series_table, shards
from chalicelib.store.models.series_models import PointItem
from tests.builders import NODE, NOON, at, run, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")
RTT = {
    "schema": 1,
    "test": {"type": "rtt", "spec": {"dest": "b.example.org"}},
    "tool": "ping",
    "schedule": {},
}
SERIES = series_of(RTT, "ping", ["here"]).uuid


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    points._current.clear()


def rtt(**changes: Any) -> Task:
    return task(document=RTT, **changes)


def leave(seconds: float, mean: float | None = 1.0, now: float | None = None, **changes: Any) -> None:
    """The point of a run so many seconds after noon, left right then unless ``now`` says later."""
    owner = changes.pop("owner", None) or rtt()
    result = (
        None
        if mean is None
        else {"succeeded": True, "loss": 0.0, "roundtrips": [], "mean": f"PT{mean / 1000}S"}
    )
    state = State.FINISHED if mean is not None else State.FAILED
    over = run(owner, seconds, state=state, **changes).with_documents(result_merged=result)
    points.leave(owner, over, at(seconds if now is None else now))


def means(start: float = 0, end: float = 86400) -> list[float | str | None]:
    found = series_reader.points(NODE, SERIES, at(start), at(end))
    return [point.values.get("rtt.mean") for point in found]


def test_a_run_that_is_over_leaves_its_numbers() -> None:
    leave(5, 1.5)

    (point,) = series_reader.points(NODE, SERIES, NOON, at(60))
    assert (point.at, point.state) == (at(5), State.FINISHED)
    assert point.values == {"rtt.mean": 1.5, "loss.ratio": 0.0}


def test_a_failed_run_leaves_a_point_without_numbers() -> None:
    leave(5, None)

    (point,) = series_reader.points(NODE, SERIES, NOON, at(60))
    assert (point.state, point.values) == (State.FAILED, {})


@pytest.mark.parametrize(
    "owner",
    [
        rtt(participant=1, participants=("there", "here")),  # the lead knows the whole result
        task(),  # an idle measures nothing
        task(document={**RTT, "test": {"type": "rtt"}}),  # no spec at all
    ],
)
def test_some_runs_leave_none(owner: Task) -> None:
    leave(5, 1.5, owner=owner)

    assert list(series_table.every(NODE)) == []


def test_a_point_that_is_left_twice_is_there_once() -> None:
    for _ in range(2):
        leave(5, 1.5, uuid="aaaaaaaa-0000-4000-8000-000000000000")

    assert means() == [1.5]


@pytest.fixture
def by_the_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hour is rolled up once it is over, rather than six together."""
    monkeypatch.setattr("chalicelib.domain.series.HOURS_TOGETHER", 1)


@pytest.mark.usefixtures("by_the_hour")
def test_an_hour_is_rolled_up_once_it_is_over_and_reads_as_before() -> None:
    for minute in range(90):
        leave(60 * minute, float(minute))
    before = means()

    assert hourly_rollups.tick(NOON + HOUR + GRACE - dt.timedelta(seconds=1)) == 0
    assert hourly_rollups.tick(NOON + HOUR + GRACE) == 1
    assert hourly_rollups.tick(NOON + HOUR + GRACE) == 0

    assert [hour.start for hour in point_table.hours(NODE, SERIES, NOON, at(86400))] == [NOON]
    assert means() == before == [float(minute) for minute in range(90)]
    assert means(60, 3660) == [float(minute) for minute in range(1, 61)]


def test_six_hours_are_rolled_up_together_and_their_series_is_written_once() -> None:
    for minute in range(0, 7 * 60, 10):
        leave(60 * minute, float(minute))
    before, at_once = means(), rolled_up_at(SERIES, NOON)
    hours = (at_once - GRACE - NOON) // HOUR

    assert hourly_rollups.tick(at_once - dt.timedelta(seconds=1)) == 0
    with counted() as sent:
        assert hourly_rollups.tick(at_once) == hours

    assert sent.count("PutItem") == hours + 1
    assert series_table.get(NODE, SERIES).roll_at == at_once + 6 * HOUR
    assert means() == before


@pytest.mark.parametrize("hour", range(8))
def test_each_series_is_rolled_up_in_an_hour_of_its_own(hour: int) -> None:
    first = NOON + hour * HOUR
    due = [rolled_up_at(f"{number:08x}000000000000", first) for number in range(12)]

    assert sorted(set(due)) == [first + more * HOUR + GRACE for more in range(1, 7)]
    assert all(due.count(each) == 2 for each in due)


def test_a_function_of_its_own_rolls_up_a_shard_in_the_time_it_has() -> None:
    leave(0)
    later, shard = NOON + 30 * HOUR, shards.of(SERIES)

    assert hourly_rollups.roll(shard, later, lambda: False) == 0
    assert hourly_rollups.roll(shard + 1, later, lambda: True) == 0
    assert hourly_rollups.roll(shard, later, lambda: True) == 1
    assert series_table.get(NODE, SERIES).roll_from is None


def test_a_series_that_cannot_be_rolled_up_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = {"bad": ValueError(), "lost": Conflict("it changed")}
    rolled: list[Any] = []

    def roll_up(*what: Any) -> int:
        rolled.append(what)
        if what[1] in errors:
            raise errors[what[1]]
        return 2

    monkeypatch.setattr(hourly_rollups, "roll_up", roll_up)
    names = ("one", "bad", "lost", "two")
    with caplog.at_level(logging.INFO):
        assert hourly_rollups._roll([(NODE, name) for name in names], NOON) == 4

    assert rolled == [(NODE, name, NOON) for name in names]
    assert [record.message for record in caplog.records] == [
        "Series bad could not be rolled up",
        "Not rolled up now: it changed",
    ]


def test_a_series_left_alone_for_long_is_rolled_up_by_so_many_hours_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hourly_rollups, "HOURS_AT_ONCE", 2)
    for hour in range(5):
        leave(3600 * hour, float(hour))
    later = NOON + 30 * HOUR

    assert [hourly_rollups.roll_up(NODE, SERIES, later) for _ in range(4)] == [2, 2, 1, 0]
    assert means() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert hourly_rollups.roll_up(NODE, "gone", later) == 0


def test_a_series_that_others_keep_changing_leaves_a_point_at_last_or_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add, lost = series_table.add, [0]

    def overtaken(*what: Any) -> Any:
        if lost[0]:
            lost[0] -= 1
            raise Conflict("")
        return add(*what)

    monkeypatch.setattr(series_table, "add", overtaken)
    lost[0] = 5
    leave(5, 1.0, uuid="bbbbbbbb-0000-4000-8000-000000000000")
    assert (list(series_table.every(NODE)), points._current) == ([], {})
    (record,) = caplog.records
    assert record.message == "Run bbbbbbbb-0000-4000-8000-000000000000 left no point"
    assert str(record.exc_info[1]) == f"Series {SERIES} changes too often"  # type: ignore[index]

    lost[0] = 4
    leave(5, 1.0)
    assert means() == [1.0]


@pytest.mark.parametrize(("now", "is_late"), [(3599.999, False), (3600, True)])
def test_a_point_is_late_once_its_hour_is_over(
    monkeypatch: pytest.MonkeyPatch, now: float, is_late: bool
) -> None:
    leave(5, 1.0)
    revision = series_table.get(NODE, SERIES).revision

    leave(6, 2.0, now=now)

    assert series_table.get(NODE, SERIES).revision == revision + is_late


def test_the_last_series_that_were_seen_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "_MOST_REMEMBERED", 2)
    uuids = []
    for number in range(3):
        owner = task(document={**RTT, "test": {"type": "rtt", "spec": {"dest": f"{number}.example.org"}}})
        uuids.append(series_of(owner.document, owner.tool, owner.participants).uuid)
        leave(number, 1.0, owner=owner)
        assert len(points._current) <= 2

    assert points._current == {(NODE, uuids[2]): NOON}


def test_whoever_waits_hears_of_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(changes, "point_left", lambda *what: heard.append(what))

    leave(5, 1.5)

    (point,) = series_reader.points(NODE, SERIES, NOON, at(60))
    assert heard == [(NODE, series_table.get(NODE, SERIES).series, point)]


@pytest.mark.parametrize(
    ("step", "days", "least"),
    [(0.5, 0, "PT1S"), (1, 10_000 / 86400, None), (1, 10_001 / 86400, "PT1S"), (60, 60, "PT8M38S")],
)
def test_steps_are_a_second_or_more_and_so_many(step: float, days: float, least: str | None) -> None:
    leave(0)

    def read() -> list[Any]:
        start = NOON - dt.timedelta(days=days)
        return list(series_reader.steps(NODE, SERIES, start, NOON, dt.timedelta(seconds=step)))

    if least is None:
        assert read() == []
        return
    with pytest.raises(Invalid, match=f"^step: must be {least} or more for a period of this length$"):
        read()


def test_a_series_that_goes_silent_has_its_last_hour_rolled_up() -> None:
    leave(0)
    later = NOON + 30 * HOUR

    assert hourly_rollups.tick(later) == 1

    assert series_table.get(NODE, SERIES).roll_from is None
    assert hourly_rollups.tick(later + HOUR) == 0
    assert means() == [1.0]
    assert [begins for begins, _ in series_reader.steps(NODE, SERIES, NOON, later, HOUR)] == [NOON]


def test_hours_without_points_are_skipped() -> None:
    leave(0, 1.0)
    leave(3600 * 50, 2.0)

    assert hourly_rollups.tick(NOON + 60 * HOUR) == 2
    assert means(0, 3600 * 60) == [1.0, 2.0]


@pytest.mark.usefixtures("by_the_hour")
def test_a_point_that_comes_late_has_its_hour_rolled_up_anew() -> None:
    leave(0, 1.0)
    leave(7200, 3.0)
    hourly_rollups.tick(NOON + 4 * HOUR)
    leave(1800, 2.0, now=4 * 3600)

    assert means() == [1.0, 2.0, 3.0], "it is seen before that"
    assert hourly_rollups.tick(NOON + 5 * HOUR) == 2, "and no point of the hours after it is lost"
    assert means() == [1.0, 2.0, 3.0]
    (first, _) = point_table.hours(NODE, SERIES, NOON, at(86400))
    assert first.rollup().describe()["metrics"]["rtt.mean"]["count"] == 2


def once_an_hour_is_kept(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Have something happen while a series is rolled up, right after its first hour was stored."""
    put_hour = point_table.put_hour

    def meanwhile(*arguments: Any) -> None:
        put_hour(*arguments)
        monkeypatch.setattr(point_table, "put_hour", put_hour)
        happens()

    monkeypatch.setattr(point_table, "put_hour", meanwhile)


@pytest.mark.usefixtures("by_the_hour")
def test_a_point_that_comes_while_its_hour_is_rolled_up_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave(0, 1.0)
    once_an_hour_is_kept(monkeypatch, lambda: leave(1, 2.0, now=4 * 3600))
    hourly_rollups.tick(NOON + 4 * HOUR)
    hourly_rollups.tick(NOON + 6 * HOUR)

    (hour,) = point_table.hours(NODE, SERIES, NOON, at(86400))
    assert hour.rollup().describe()["metrics"]["rtt.mean"]["count"] == 2


@pytest.mark.usefixtures("by_the_hour")
def test_a_point_of_the_next_hour_that_comes_while_one_is_rolled_up_is_not_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leave(0, 1.0)
    once_an_hour_is_kept(monkeypatch, lambda: leave(3600 + 700, 2.0))
    hourly_rollups.tick(NOON + HOUR + GRACE)
    hourly_rollups.tick(NOON + 3 * HOUR)

    assert [hour.start for hour in point_table.hours(NODE, SERIES, NOON, at(86400))] == [NOON, NOON + HOUR]


def test_another_process_looks_at_a_moment_behind_whether_an_hour_is_to_be_rolled_up() -> None:
    leave(0)
    points._current.clear()
    with counted() as sent:
        leave(300)

    assert sent == ["GetItem", "PutItem"]


def test_a_look_at_a_series_is_enough_in_each_hour_that_is_to_be_rolled_up() -> None:
    first = next(
        h for h in range(6) if rolled_up_at(SERIES, NOON + h * HOUR) == NOON + (h + 6) * HOUR + GRACE
    )
    leave(3600 * first)
    with counted() as sent:
        for hour in range(first + 1, first + 7):
            points._current.clear()
            leave(3600 * hour + 60)

    assert sent == [*5 * ["GetItem", "PutItem"], "GetItem", "GetItem", "PutItem"]


@pytest.mark.parametrize("roll_from", [None, NOON - 7 * HOUR])
def test_what_a_look_shows_of_before_the_hour_is_not_believed(
    roll_from: dt.datetime | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(-3600)
    before = series_table.get(NODE, SERIES)
    series_table.change(NODE, before, None, NOON)
    points._current.clear()
    older = dataclasses.replace(before, roll_from=roll_from)
    monkeypatch.setattr(series_table, "glance", lambda *_: older)

    leave(300)

    assert series_table.get(NODE, SERIES).roll_from == NOON


def test_a_look_is_believed_of_hours_under_way_until_the_last_is_over() -> None:
    leave(0)
    seen = series_table.get(NODE, SERIES)
    assert seen.roll_at is not None
    over = seen.roll_at - GRACE

    def is_seen(hour: dt.datetime, now: dt.datetime) -> bool:
        return points._is_to_be_rolled_up(NODE, seen.series, hour, now)

    assert is_seen(NOON, over - INSTANT)
    assert is_seen(NOON + HOUR, over - INSTANT)
    assert not is_seen(NOON, over)
    assert not is_seen(NOON - HOUR, over - INSTANT)


def test_an_hour_is_rolled_up_by_one_look_at_its_points_and_what_follows() -> None:
    for minute in range(0, 70, 5):
        leave(60 * minute, float(minute))

    with counted() as sent:
        hourly_rollups.roll_up(NODE, SERIES, NOON + HOUR + GRACE)

    assert sent == ["GetItem", "Query", "Query", "PutItem", "PutItem"]


def test_an_hour_of_more_points_than_are_read_together_is_rolled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hourly_rollups, "POINTS_AT_ONCE", 4)
    for minute in range(90):
        leave(60 * minute, float(minute))

    assert hourly_rollups.roll_up(NODE, SERIES, NOON + HOUR + GRACE) == 1

    (hour,) = point_table.hours(NODE, SERIES, NOON, at(86400))
    assert hour.rollup().describe()["metrics"]["rtt.mean"]["count"] == 60
    assert means() == [float(minute) for minute in range(90)]


@pytest.mark.usefixtures("by_the_hour")
def test_hours_that_end_where_what_is_not_rolled_up_begins_are_read() -> None:
    leave(0, 1.0)
    leave(3600, 2.0)
    hourly_rollups.tick(NOON + HOUR + GRACE)

    found = list(series_reader.steps(NODE, SERIES, NOON, at(7200), HOUR))
    none = list(series_reader.points(NODE, SERIES, at(3600), at(3600)))

    assert [(at_, rollup.summaries["rtt.mean"].total) for at_, rollup in found] == [
        (NOON, 1.0),
        (at(3600), 2.0),
    ]
    assert none == []


@pytest.mark.usefixtures("by_the_hour")
def test_steps_of_hours_are_read_as_rolled_up_and_smaller_ones_from_points() -> None:
    for minute in range(0, 180, 10):
        leave(60 * minute, float(minute))
    hourly_rollups.tick(NOON + 2 * HOUR + GRACE)

    by_hour = list(series_reader.steps(NODE, SERIES, NOON, at(3 * 3600), HOUR))
    by_half = list(series_reader.steps(NODE, SERIES, NOON, at(3 * 3600), HOUR / 2))
    by_three = list(series_reader.steps(NODE, SERIES, NOON, at(3 * 3600), 3 * HOUR))

    counts = [rollup.describe()["metrics"]["rtt.mean"]["count"] for _, rollup in by_hour]
    assert [start for start, _ in by_hour] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert counts == [6, 6, 6]
    assert len(by_half) == 6
    assert [rollup.runs for _, rollup in by_three] == [{"finished": 18}]
    assert by_three[0][1].describe()["metrics"]["rtt.mean"]["max"] == 170.0


def test_too_many_steps_are_refused_with_what_would_do() -> None:
    leave(0)

    with pytest.raises(Invalid, match="step: must be PT8M38S or more"):
        list(
            series_reader.steps(NODE, SERIES, NOON - 60 * dt.timedelta(days=1), NOON, dt.timedelta(seconds=1))
        )


def test_a_series_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotFound):
        list(series_reader.points(NODE, "0" * 20, NOON, at(60)))


def test_a_result_that_its_test_cannot_read_leaves_a_point_without_numbers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    owner = task(document={**RTT, "test": {"type": "trace", "spec": {"dest": "b.example.org"}}})
    series = series_of(owner.document, owner.tool, owner.participants).uuid
    over = run(owner, 0, state=State.FINISHED).with_documents(result_merged={"succeeded": True, "paths": 1})

    points.leave(owner, over, NOON)

    (point,) = series_reader.points(NODE, series, NOON, at(60))
    assert point.values == {}
    line = f"The test trace broke on the numbers of a result of task {owner.uuid}"
    assert [record.message for record in caplog.records] == [line]


def test_the_last_point_of_each_series_is_known() -> None:
    for number, dest in enumerate(("b.example.org", "c.example.org")):
        owner = task(document={**RTT, "test": {"type": "rtt", "spec": {"dest": dest}}})
        leave(number, 1.0, owner=owner)
        leave(number + 60, 2.0, owner=owner)

    found = {series.destination: point for series, point in series_reader.last_points(NODE)}

    assert {dest: (point.at, point.values["rtt.mean"]) for dest, point in found.items()} == {
        "b.example.org": (at(60), 2.0),
        "c.example.org": (at(61), 2.0),
    }
    assert len(list(series_reader.last_points(NODE, most=1))) == 1


def test_a_late_point_joins_those_that_only_its_hour_still_has() -> None:
    leave(5, 1.0)
    leave(65, 2.0)
    hourly_rollups.tick(NOON + 12 * HOUR)
    for item in PointItem.query(point_table._of_points(NODE, SERIES)):
        item.delete()  # as once they have been there by themselves for long enough

    leave(125, 3.0, now=24 * 3600)
    hourly_rollups.tick(NOON + 48 * HOUR)

    (hour,) = point_table.hours(NODE, SERIES, NOON, NOON + HOUR, with_points=True)
    assert [point.values["rtt.mean"] for point in hour.points()] == [1.0, 2.0, 3.0]
    assert hour.rollup().runs == {State.FINISHED.value: 3}
