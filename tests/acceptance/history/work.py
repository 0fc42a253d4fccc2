"""What nodes are given to do: tests of each scheduling class, a tool and an archiver that note it, tasks."""

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from chalicelib.domain.times import SECOND, parse_duration
from plugins import registry
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Job, Outcome, Parcel, PluginFailed, wrapped
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool
from plugins.tests import idle
from tests.acceptance.history.world import BEGINNING, SimulatedMachine, World

CLASSES = ("exclusive", "normal", "background", "background-multi")
STEP = 10
"""Seconds between the results of a tool that streams them."""
KEY = "secret"
LATEST_BY_HAND = 60
"""Seconds from asking for a run to its start, at most."""
CARRIED_ON = 600
"""Seconds in which somebody else carries on what streams, twice."""


@dataclasses.dataclass
class Performance:
    """One time that a tool worked: for which run, planned from when to when, and when it really did;
    ``told`` are the participants whose data it had; ``instance`` is the agent's, if it was at one.
    ``by_known_clock`` is whether that knew how far its clock was off, which was ``ahead`` by so many seconds
    as it was begun."""

    node: str
    run: str
    scheduling_class: str
    start: float
    end: float
    began: float
    ended: float
    told: list[int]
    instance: str = ""
    by_known_clock: bool = True
    ahead: float = 0


@dataclasses.dataclass
class Attempt:
    """One attempt to archive a run, from when to when, and whether it was archived."""

    node: str
    run: str
    began: float
    ended: float
    archived: bool = False


@dataclasses.dataclass
class Notes:
    """What tool and archiver did: ``emitted`` are the (node, run, number) of results that streamed and were
    taken."""

    performances: list[Performance] = dataclasses.field(default_factory=list)
    emitted: list[tuple[str, str, int]] = dataclasses.field(default_factory=list)
    attempts: list[Attempt] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Mix:
    """What tasks there are: of which classes, how many seconds a tool streams at most, which part of them is
    cancelled, and which part of their runs has a tool that takes three times as long as planned.

    ``others`` is how many other nodes take part: one of these, by chance. A task is cancelled within one of
    ``soon`` seconds; a run is asked for of the part ``by_hand``, within ``asked`` seconds; and what has a
    start has one of ``starts``. None is for the usual."""

    classes: tuple[str, ...] = CLASSES
    longest: int = 1800
    cancelled: float = 0.25
    overruns: float = 0.03
    others: tuple[int, ...] = (0, 0, 1, 1, 2)
    soon: tuple[float, ...] | None = None
    by_hand: float = 0.2
    asked: float = 2400
    starts: tuple[str, ...] | None = None


USUAL = Mix()


@dataclasses.dataclass(frozen=True)
class Order:
    """A task to be posted: what, at which node, when, and when it is cancelled, or a run of it asked for, if
    ever."""

    document: dict[str, Any]
    lead: str
    at: float
    cancelled: float | None
    by_hand: float | None = None

    @property
    def over_by(self) -> float:
        """When the run that is asked for is over at the latest, and has been carried on if it had to be."""
        duration = parse_duration(self.document["test"]["spec"]["duration"]).total_seconds()
        return (self.by_hand or 0) + LATEST_BY_HAND + duration + CARRIED_ON

    @property
    def expected(self) -> int:
        """How many runs it is to have."""
        return int(self.document["schedule"].get("max-runs", 1))


def _tool(world: World, notes: Notes, mix: Mix) -> Tool:
    """A tool that idles, sometimes for too long, sometimes to fail, and notes that it did."""

    def run(job: Job) -> Any:
        job.wait_for_start()
        start = (job.start - BEGINNING).total_seconds()
        assert isinstance(job.host, SimulatedMachine)
        noted = Performance(
            world.node,
            job.host.run,
            job.test.partition("-")[2],
            start,
            start + job.duration.total_seconds(),
            world.now,
            world.now,
            [told["number"] for told in job.participant_data],
            job.host.instance,
            job.host.by_known_clock(),
            job.host.ahead,
        )
        notes.performances.append(noted)
        try:
            (_stream if noted.scheduling_class == "background-multi" else _idle)(job, noted)
            return wrapped({"time-slept": job.spec["duration"]})
        finally:
            noted.ended = world.now

    def _idle(job: Job, noted: Performance) -> None:
        mood = world.chance.random()
        factor = 3 if mood < mix.overruns else 1 if mood < 0.8 else mood / 2
        noted.ended = world.now + factor * parse_duration(job.spec["duration"]).total_seconds()
        job.sleep(factor * parse_duration(job.spec["duration"]))
        if mood > 0.95:
            raise PluginFailed("It came to nothing")

    def _stream(job: Job, noted: Performance) -> None:
        begun, length = job.begins, parse_duration(job.spec["duration"])
        noted.ended = noted.end
        for number in range(1, length // (STEP * SECOND) + 1):
            due = job.start + number * STEP * SECOND
            if due > begun:
                job.host.sleep_until(due)
                job.emit({"run": noted.run, "number": number, "succeeded": True})
                notes.emitted.append((noted.node, noted.run, number))

    return Tool(
        name="noting",
        description="Idle, and note it",
        tests=tuple(f"idle-{name}" for name in CLASSES),
        duration=lambda test, spec: parse_duration(spec["duration"]) + SECOND,
        participant_data=lambda number, spec, host: {"number": number},
        run=run,
        merge=lambda spec, results: {"succeeded": all(results)},
        resumes=True,
    )


def _archiver(world: World, notes: Notes) -> Archiver:
    """An archiver that often has to be asked again."""

    def deliver(parcel: Parcel) -> Outcome:
        attempt = Attempt(world.node, parcel.result["id"], world.now, world.now)
        notes.attempts.append(attempt)
        try:
            world.sleep(world.chance.uniform(0.1, 5))
        finally:
            attempt.ended = world.now
        attempt.archived = world.chance.random() > 0.3
        return Outcome(True) if attempt.archived else Outcome(False, "Not now", 10 * SECOND)

    return Archiver(
        name="noting", description="Note what comes", data={1: {"type": "object"}}, deliver=deliver
    )


def _test(scheduling_class: str) -> Test:
    return dataclasses.replace(
        idle.TEST, name=f"idle-{scheduling_class}", scheduling_class=scheduling_class, check=None
    )


@contextlib.contextmanager
def plugged_in(world: World, notes: Notes, mix: Mix = USUAL) -> Iterator[None]:
    """Let the nodes know the tests, the tool, and the archiver."""
    used, archiver = _tool(world, notes, mix), _archiver(world, notes)
    with pytest.MonkeyPatch.context() as patch:
        for name in CLASSES:
            patch.setitem(cast(dict[str, Test], registry.tests()), f"idle-{name}", _test(name))
        patch.setitem(cast(dict[str, Tool], registry.tools()), used.name, used)
        patch.setitem(cast(dict[str, Archiver], registry.archivers()), archiver.name, archiver)
        yield


def orders(
    chance: random.Random, nodes: Sequence[str], each: int, within: float, mix: Mix = USUAL
) -> list[Order]:
    """Tasks of all kinds for every node, posted within so many seconds."""
    return [
        _order(chance, lead, nodes, f"{lead}/{number}", within, mix)
        for lead in nodes
        for number in range(each)
    ]


def _order(
    chance: random.Random, lead: str, nodes: Sequence[str], name: str, within: float, mix: Mix
) -> Order:
    others = [node for node in nodes if node != lead]
    hosts = [lead, *chance.sample(others, min(len(others), chance.choice(mix.others)))]
    scheduling_class = chance.choice(mix.classes)
    streams = scheduling_class == "background-multi"
    spec = {
        "schema": 2,
        "duration": f"PT{chance.randint(60, mix.longest) if streams else chance.randint(3, 40)}S",
        "host": hosts,
        "starting-comment": name,
    }
    document: dict[str, Any] = {
        "schema": 3,
        "test": {"type": f"idle-{scheduling_class}", "spec": spec},
        "schedule": {} if streams else _schedule(chance, mix),
        "_key": KEY,
    }
    priority = chance.choice([None, None, -1, 1, 2])
    if priority is not None:
        document["priority"] = priority
    if chance.random() < 0.3:
        document["archives"] = [{"schema": 2, "archiver": "noting", "data": {}, "runs": "all"}]
    # Many at a time, since they are to get into each other's way.
    posted = chance.randrange(0, int(within), 300) + chance.uniform(0, 3)
    soon = chance.choice(mix.soon or (3, 10, 120, within))
    cancelled = posted + chance.uniform(0, soon) if chance.random() < mix.cancelled else None
    by_hand = posted + chance.uniform(0, mix.asked) if chance.random() < mix.by_hand else None
    return Order(document, lead, posted, cancelled, by_hand)


def _schedule(chance: random.Random, mix: Mix) -> dict[str, Any]:
    schedule: dict[str, Any] = {}
    if chance.random() < 0.7:
        schedule["start"] = chance.choice(mix.starts or ("@PT5M", "@PT2M", f"PT{chance.randint(1, 300)}S"))
    if chance.random() < 0.7:
        schedule["slip"] = f"PT{chance.randint(10, 300)}S"
    if chance.random() < 0.3:
        schedule["sliprand"] = True
    if chance.random() < 0.6:
        schedule |= {"repeat": f"PT{chance.randint(60, 300)}S", "max-runs": chance.randint(1, 6)}
    return schedule
