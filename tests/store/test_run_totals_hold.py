"""Counts of runs are what there is, whatever happens and however the time goes, on the embedded engine."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import FINAL, LIFE, State
from chalicelib.domain.times import UTC, hour_of
from chalicelib.store import counted_hours, run_items, run_table, run_totals
from chalicelib.store.counted_hours import HOUR
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.run_models import RunItem
from tests.builders import Clock, run, task

pytestmark = pytest.mark.usefixtures("sqlite_engine")

MINUTE = dt.timedelta(minutes=1)
BEGIN = hour_of(dt.datetime.now(UTC))
"""Such that nothing expires by the engine's own clock."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    known = Clock(BEGIN)
    monkeypatch.setattr(counted_hours, "clock", known)
    monkeypatch.setattr(run_totals, "MANY", 0)
    return known


STATES = st.sampled_from([State.FINISHED] * 6 + list(State))
PLACES = st.tuples(st.just("place"), st.integers(-4, 0), st.integers(0, 3599), STATES)
STEPS = st.lists(
    st.one_of(
        PLACES,
        st.tuples(st.just("change"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("expire early"), st.integers(0, 9), st.integers(1, 90)),
        st.tuples(st.just("pass"), st.sampled_from([1, 4, 5, 6, 30, 60, 61, 600, 1440])),
        st.tuples(st.just("settle")),
        st.tuples(st.just("look"), STATES),
    ),
    max_size=12,
)


class World:
    """A node of its own, its runs as they are, and the time."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.node = NodeName(f"node-{uuid.uuid4().hex}")
        self.owner = task(node=self.node, duration=dt.timedelta(hours=2))
        self.runs: dict[str, Run] = {}

    def do(self, step: tuple[Any, ...]) -> None:
        {
            "place": self.place,
            "change": self.change,
            "delete": self.delete,
            "expire early": self.expire_early,
            "pass": self.let_pass,
            "look": self.look,
            "settle": self.settle,
        }[step[0]](*step[1:])

    def place(self, hours: int, seconds: int, state: State) -> None:
        start = hour_of(self.clock.now) + hours * HOUR + dt.timedelta(seconds=seconds)
        if state is State.RUNNING and start > self.clock.now:
            return
        one = dataclasses.replace(run(self.owner), start=start, end=start + self.owner.duration, state=state)
        run_items.to_item(one).save()
        self.runs[one.uuid] = one

    def _some(self, which: int) -> Run | None:
        known = list(self.runs.values())
        return known[which % len(known)] if known else None

    def change(self, which: int, what: int) -> None:
        known = self._some(which)
        ways = list(LIFE[known.state]) if known else []
        if known and known.start > self.clock.now:
            ways = [way for way in ways if way is not State.RUNNING]
        if known and ways:
            self.runs[known.uuid] = run_table.change(known.evolve(state=ways[what % len(ways)]))

    def delete(self, which: int) -> None:
        known = self._some(which)
        if known:
            run_table.delete(self.runs.pop(known.uuid))

    def expire_early(self, which: int, minutes: int) -> None:
        known = self._some(which)
        if known and known.state in FINAL:
            self.runs[known.uuid] = run_table.change(known.evolve(purge_at=self.clock.now + minutes * MINUTE))

    def let_pass(self, minutes: int) -> None:
        """Time goes by, and what has expired goes."""
        self.clock.now += minutes * MINUTE
        for known in list(self.runs.values()):
            if run_items._expiry(known) <= self.clock.now.timestamp():
                RunItem(key(self.node, known.task), known.uuid).delete()
                del self.runs[known.uuid]

    def settle(self) -> None:
        """Two looks, some minutes apart."""
        for _ in range(2):
            self.let_pass(5)
            run_totals.settle(self.node, self.clock.now)
            run_totals.settle(self.node, self.clock.now)

    def look(self, state: State) -> None:
        now = self.clock.now
        for bounds in ((None, None), (now - 24 * HOUR, now), (hour_of(now) - 3 * HOUR, None)):
            start, end = bounds
            there = [
                each
                for each in self.runs.values()
                if each.state is state
                and (start is None or each.start >= start)
                and (end is None or each.start <= end)
            ]
            assert run_totals.count(self.node, state, now, *bounds) == len(there), (state, bounds)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(first=st.lists(PLACES, min_size=1, max_size=4), early=STEPS, late=STEPS)
def test_counts_are_what_there_is_whatever_happens(
    clock: Clock, first: list[Any], early: list[Any], late: list[Any]
) -> None:
    clock.now = BEGIN
    world = World(clock)

    for step in (*first, *early, ("pass", 66), ("settle",), *late):
        world.do(step)

    for state in State:
        world.look(state)
