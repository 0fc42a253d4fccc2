"""What series cost: units of DynamoDB a result, the file's size, the time that a month of minutes takes."""

import datetime as dt
import os
import pathlib
import random
import tempfile
import uuid
from collections.abc import Callable
from typing import Any

from bench.bulk_store import storing
from bench.capacity_units import Cost, counted
from bench.lists import NODE, measured
from bench.mesh_cost import PER_READ, PER_WRITE
from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.series import HOUR, Point, series_of
from chalicelib.domain.task import Task
from chalicelib.domain.times import UTC
from local import environment
from local.engine import Engine

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
COUNTED = 6 * HOUR
MONTH = 30 * DAY
RULE = {"series": {"test": "rtt"}, "metric": "loss.ratio", "critical": {"above": 0.05}, "no-data": "PT1H"}
MILLION = 1_000_000


def series(count: int, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of costs a result, and of pages read from a month of so many series, a point a minute each."""
    environment.set_environment()
    os.environ["PSCHEDULER_LIMITS"] = "open"

    now = dt.datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "state.sqlite"
        with Engine(file, synchronous="OFF") as engine:
            environment.create_everything()
            costs = []
            for name, rules in CASES.items():
                say(f"Leaving results: {name} ...")
                costs.append(_a_result(now, name, rules))
            before = file.stat().st_size
            some = _store_month(engine, count, now, say)
            read = []
            for name, path in _pages(some, now).items():
                read.append({"page": name, **measured(path)})
                say(f"{name}: {read[-1]['CPU ms']:.1f} ms of the processor")
        size = file.stat().st_size - before
    points = count * (MONTH // MINUTE)
    costs.append({"what": "MB of the file a million points", "MB": size / points * MILLION / 1e6})
    return costs, read


CASES: dict[str, dict[str, Any]] = {
    "no rule": {},
    "a rule, all well": {"loss": RULE},
    "five rules, all well": {f"loss-{number}": RULE for number in range(5)},
}


def _a_result(now: dt.datetime, name: str, posted: dict[str, Any]) -> dict[str, Any]:
    """What a result costs after its run is stored, the clock's share included, over some hours of minutes."""
    from chalicelib.service.alerts import rules, watch
    from chalicelib.service.series import hourly_rollups

    for rule, document in posted.items():
        rules.put_rule(NODE, rule, document, now)
    owner, at = _task(name), now
    _leave(owner, at)  # that the series is new counts for nothing
    with counted() as cost:
        while at < now + COUNTED:
            at += MINUTE
            _leave(owner, at)
            hourly_rollups.tick(at)
            watch.tick(at)
    with counted() as ticks:
        for _ in range(COUNTED // MINUTE):
            hourly_rollups.tick(at)
            watch.tick(at)
    for rule in posted:
        rules.remove(NODE, rules.RULES, rule, at)
    return _row(name, cost, ticks)


def _row(name: str, cost: Cost, idle: Cost) -> dict[str, Any]:
    """An idle tick is the node's, not a result's: it costs the same however many results there are."""
    results = COUNTED // MINUTE
    reads, writes = (cost.reads - idle.reads) / results, cost.writes / results
    dollars = (reads * PER_READ + writes * PER_WRITE) * MILLION
    return {"what": name, "writes": writes, "reads": reads, "US dollars a million": dollars}


def _leave(owner: Task, at: dt.datetime) -> None:
    from chalicelib.service.alerts import watch

    run = Run(owner.node, owner.uuid, RunId(str(uuid.uuid4())), at, at, State.FINISHED, at)
    watch.leave(owner, run.with_documents(result_merged=_result()), at)


def _result() -> dict[str, Any]:
    trips = [random.uniform(0.008, 0.012) for _ in range(10)]
    return {
        "succeeded": True,
        "sent": 10,
        "received": 10,
        "loss": 0.0,
        "roundtrips": [{"seq": seq, "rtt": f"PT{trip:.6f}S"} for seq, trip in enumerate(trips)],
        "min": f"PT{min(trips):.6f}S",
        "max": f"PT{max(trips):.6f}S",
        "mean": f"PT{sum(trips) / 10:.6f}S",
        "stddev": "PT0.0004S",
    }


def _task(dest: str) -> Task:
    document = {
        "schema": 1,
        "test": {"type": "rtt", "spec": {"dest": dest}},
        "tool": "ping",
        "schedule": {"repeat": "PT1M"},
    }
    return Task(
        node=NODE,
        uuid=TaskId(str(uuid.uuid4())),
        document=document,
        schedule=Schedule(repeat=MINUTE),
        participants=("node.example.net",),
        duration=dt.timedelta(seconds=12),
        scheduling_class="background",
        added=dt.datetime.now(UTC),
    )


def _store_month(engine: Engine, count: int, now: dt.datetime, say: Callable[[str], None]) -> list[str]:
    """The same month under each series: its hours rolled up, and the points of the last by themselves."""
    from chalicelib.domain.rollup import rolled
    from chalicelib.store import point_table, series_table
    from chalicelib.store.models.series_models import PointItem

    some = [
        series_of(_task(f"host-{number}.example").document, "ping", ["node.example"])
        for number in range(count)
    ]
    for each in some:
        series_table.change(NODE, series_table.add(NODE, each, now, now), None, now)
    task, begin = str(uuid.uuid4()), now - MONTH
    with storing(engine) as batch:
        for hour in range(MONTH // HOUR):
            start = begin + hour * HOUR
            if start == begin or start.hour == 0:
                say(f"Storing a month of {count} series: {start:%d %B} ...")
            points = [_point(task, start + minute * MINUTE) for minute in range(60)]
            raw = point_table.hour_item(NODE, some[0].uuid, start, rolled(points), points).serialize()
            for each in some:
                batch.put_raw(PointItem, {**raw, "series": {"S": point_table.of_hours(NODE, each.uuid)}})
                for point in points if now - start <= HOUR else ():
                    batch.put(point_table.point_item(NODE, each.uuid, point))
    return [each.uuid for each in some]


def _point(task: str, at: dt.datetime) -> Point:
    from chalicelib.domain.series import point_of
    from plugins import registry

    metrics = registry.tests()["rtt"].measured({"dest": "b"}, _result())
    return point_of(at, str(uuid.uuid4()), task, State.FINISHED, metrics)


def _pages(some: list[str], now: dt.datetime) -> dict[str, str]:
    def over(time: dt.timedelta, more: str = "") -> str:
        start, end = ((now - each).strftime("%Y-%m-%dT%H:%M:%SZ") for each in (time, dt.timedelta(0)))
        return f"/series/{some[len(some) // 2]}?start={start}&end={end}{more}"

    return {
        "a month by hours": over(MONTH, "&step=PT1H"),
        "a month by six hours, one metric": over(MONTH, "&step=PT6H&metric=rtt.mean"),
        "a month by days": over(MONTH, "&step=P1D"),
        "a month of points": over(MONTH),
        "a month of points, one metric": over(MONTH, "&metric=rtt.mean"),
        "a day of points": over(DAY),
        f"the last value of all {len(some)}": "/series?last=true",
    }
