"""Sixteen planners at once; after each round of theirs, the store against the model.

The model (``tests/domain/calendar_model.py``) is told what each planner was told, and must then say
the same as the store: which time is taken, by whom, and where there is still room.
"""

import dataclasses
import datetime as dt
import itertools
import os
import random
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.errors import Blocked, Overtaken
from chalicelib.domain.run import occupation
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.service.execution import reaper, results
from chalicelib.service.scheduling.cancellation import cancel_run
from chalicelib.service.scheduling.placement import place_at
from chalicelib.service.scheduling.slots import proposals
from chalicelib.store import run_table, timeline
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, exclusive_task
from tests.domain.calendar_model import Calendar, Taken
from tests.service.machines import FakeMachine

pytestmark = [pytest.mark.usefixtures("sqlite_engine"), pytest.mark.slow]

PLANNERS = 16
STEPS = int(os.environ.get("MODEL_STEPS", "800"))
EACH = 5
"""What a planner does in a round."""
REACH = 240
"""Seconds ahead of the clock in which runs are placed: few, so that they meet."""


class Play:
    """The store and the model side by side, and the clock that both are told."""

    def __init__(self) -> None:
        self.now = 0
        self.model = Calendar()
        self.placed: dict[str, Taken] = {}
        self.owners: dict[str, Task] = {}
        self.losses: list[tuple[Taken, str]] = []
        self.lost = 0

    def plan(self, chance: random.Random) -> None:
        """What one planner does in a round, while the others do the same."""
        for _ in range(EACH):
            self._book(a_task(chance), self.now + chance.randint(5, REACH))

    def _book(self, task: Task, start: int) -> None:
        run = str(uuid.uuid4())
        wanted = Taken(run, start, start + task.duration // SECOND, task.is_exclusive, task.priority or 0)
        try:
            place_at(task, at(start), at(self.now), run)
        except Blocked as error:
            self.losses.append((wanted, error.run))
        except Overtaken:
            pass  # fought over too hard: nothing may have been written, which the end of the round shows
        else:
            self.owners[run], self.placed[run] = task, wanted
            self.model.runs.append(wanted)

    def check(self, chance: random.Random) -> None:
        """Nobody plans now: the store and the model must say the same."""
        ahead = [run for run in self.model.runs if run.end > self.now]
        assert sorted(map(repr, self._stored())) == sorted(map(repr, ahead))
        assert [pair for pair in itertools.combinations(ahead, 2) if clash(*pair)] == []
        assert [lost for lost in self.losses if not self._was_in_the_way(*lost)] == []
        self.lost += len(self.losses)
        self.losses.clear()
        for _ in range(EACH):
            self._check_proposals(a_task(chance), chance)

    def _stored(self) -> list[Taken]:
        return [
            Taken(entry.run, number(entry.start), number(entry.end), entry.exclusive, entry.rank)
            for entry in timeline.read_entries(NODE, at(self.now), at(self.now + 2 * REACH))
        ]

    def _was_in_the_way(self, wanted: Taken, run: str) -> bool:
        other = self.placed[run]
        return other.rank >= wanted.rank and any(map(other.has, range(wanted.start, wanted.end)))

    def _check_proposals(self, task: Task, chance: random.Random) -> None:
        first = self.now + chance.randint(5, REACH)
        within = range(first, first + chance.randint(1, REACH))
        priority, length = chance.choice([None, -1, 0, 1]), task.duration // SECOND

        found = proposals(task, at(within.start), at(within.stop), priority, at(self.now))

        starts = [
            start for one in found for start in range(number(one.lower), number(one.upper) - length + 1)
        ]
        rank = None if priority is None else min(priority, task.priority or 0)
        assert starts == sorted(self.model.free_starts(within, length, task.is_exclusive, rank, self.now))

    def time_passes(self, chance: random.Random) -> None:
        """Some runs end early, some are cancelled, what is over is forgotten."""
        self.now += chance.randint(1, 30)
        for run in list(self.model.runs):
            if run.end <= self.now:
                self._forget(run)
                self.model.runs.remove(run)
            elif run.start <= self.now and chance.random() < 0.5:
                self._end(run)
            elif run.start > self.now and chance.random() < 0.2:
                cancel_run(self.owners[run.name], run.name, at(self.now))
                self.model.runs.remove(run)

    def _forget(self, run: Taken) -> None:
        task = self.owners[run.name]
        booked = occupation(run_table.get(NODE, task.uuid, run.name), task)
        assert booked is not None
        reaper.forget_run(NODE, task.uuid, run.name, at(self.now))
        filed = dataclasses.replace(booked, end=booked.start + task.duration)
        timeline.reference(
            NODE, filed
        ).delete()  # as DynamoDB does once it has expired; the emulator reads on

    def _end(self, run: Taken) -> None:
        task = self.owners[run.name]
        stored = run_table.get(NODE, task.uuid, run.name)
        if stored.state is State.PENDING:
            done = LocalResult(result={"succeeded": True, "result": {"time-slept": "PT1S"}})
            begun = run_table.change(stored.evolve(state=State.RUNNING))
            results.conclude(task, begun, done, FakeMachine(at(self.now)))
            run.end = min(run.end, self.now + 1)  # the second it ended in stays taken


def a_task(chance: random.Random) -> Task:
    task = exclusive_task(
        duration=SECOND * chance.randint(2, 25), scheduling_class=chance.choice(["exclusive", "normal"])
    )
    priority = chance.choice([None, None, -1, 1])
    task = task.evolve(document={**task.document, "schema": 3, "priority": priority})
    commit(Booking(None, task, ()), NOON)
    return task


def clash(one: Taken, other: Taken) -> bool:
    """Whether two runs share time that may not, and neither was placed over the other."""
    shared = max(one.start, other.start) < min(one.end, other.end)
    return shared and (one.exclusive or other.exclusive) and one.rank == other.rank


def number(moment: dt.datetime) -> int:
    return round((moment - NOON).total_seconds())


def test_what_sixteen_planners_place_is_what_the_model_has() -> None:
    play, chance = Play(), random.Random(5)
    with ThreadPoolExecutor(PLANNERS) as planners:
        for _ in range(STEPS // (PLANNERS * EACH)):
            list(planners.map(play.plan, [random.Random(chance.random()) for _ in range(PLANNERS)]))
            play.check(chance)
            play.time_passes(chance)

    assert len(play.placed) > PLANNERS
    assert play.lost > PLANNERS
