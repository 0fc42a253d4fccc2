"""What the nodes are given to do: tests of each scheduling class, one tool that notes what it did, tasks."""

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from chalicelib.domain.times import SECOND, parse_duration
from chalicelib.settings import current
from plugins import registry
from plugins.base import Job, PluginFailed, Test, Tool, wrapped
from plugins.tests import idle
from tests.acceptance.history.world import BEGINNING, SimulatedMachine, World

CLASSES = ("exclusive", "normal", "background")
KEY = "secret"


@dataclasses.dataclass
class Performance:
    """One time that a tool worked: for which run, planned from when to when, and when it really did;
    ``told`` are the participants whose data it had."""

    node: str
    run: str
    scheduling_class: str
    start: float
    end: float
    began: float
    ended: float
    told: list[int]


@dataclasses.dataclass(frozen=True)
class Order:
    """A task to be posted: what, at which node, when, and when it is cancelled, if ever."""

    document: dict[str, Any]
    lead: str
    at: float
    cancelled: float | None

    @property
    def expected(self) -> int:
        """How many runs it is to have."""
        return int(self.document["schedule"].get("max-runs", 1))


def tool(world: World, seen: list[Performance]) -> Tool:
    """A tool that idles, sometimes for too long, sometimes to fail, and notes that it did."""

    def run(job: Job) -> Any:
        job.wait_for_start()
        start = (job.start - BEGINNING).total_seconds()
        end = start + job.duration.total_seconds()
        assert isinstance(job.host, SimulatedMachine)
        noted = Performance(
            current().node,
            job.host.run,
            job.test.partition("-")[2],
            start,
            end,
            world.now,
            world.now,
            [told["number"] for told in job.participant_data],
        )
        seen.append(noted)
        mood = world.chance.random()
        factor = 3 if mood < 0.03 else 1 if mood < 0.8 else mood / 2
        noted.ended = world.now + factor * parse_duration(job.spec["duration"]).total_seconds()
        try:
            job.sleep(factor * parse_duration(job.spec["duration"]))
            if mood > 0.95:
                raise PluginFailed("It came to nothing")
            return wrapped({"time-slept": job.spec["duration"]})
        finally:
            noted.ended = world.now

    return Tool(
        name="noting",
        description="Idle, and note it",
        tests=tuple(f"idle-{name}" for name in CLASSES),
        duration=lambda test, spec: parse_duration(spec["duration"]) + SECOND,
        participant_data=lambda number, spec, host: {"number": number},
        run=run,
        merge=lambda spec, results: {"succeeded": all(results)},
    )


def _test(scheduling_class: str) -> Test:
    return dataclasses.replace(
        idle.TEST, name=f"idle-{scheduling_class}", scheduling_class=scheduling_class, check=None
    )


@contextlib.contextmanager
def plugged_in(used: Tool) -> Iterator[None]:
    """Let the nodes know the tests and the tool."""
    with pytest.MonkeyPatch.context() as patch:
        for name in CLASSES:
            patch.setitem(cast(dict[str, Test], registry.tests()), f"idle-{name}", _test(name))
        patch.setitem(cast(dict[str, Tool], registry.tools()), used.name, used)
        yield


def orders(chance: random.Random, nodes: Sequence[str], each: int, within: float) -> list[Order]:
    """Tasks of all kinds for every node, posted within so many seconds."""
    return [
        _order(chance, lead, nodes, f"{lead}/{number}", within) for lead in nodes for number in range(each)
    ]


def _order(chance: random.Random, lead: str, nodes: Sequence[str], name: str, within: float) -> Order:
    others = [node for node in nodes if node != lead]
    hosts = [lead, *chance.sample(others, min(len(others), chance.choice([0, 0, 1, 1, 2])))]
    spec = {
        "schema": 2,
        "duration": f"PT{chance.randint(3, 40)}S",
        "host": hosts,
        "starting-comment": name,
    }
    document: dict[str, Any] = {
        "schema": 3,
        "test": {"type": f"idle-{chance.choice(CLASSES)}", "spec": spec},
        "schedule": _schedule(chance),
        "_key": KEY,
    }
    priority = chance.choice([None, None, -1, 1, 2])
    if priority is not None:
        document["priority"] = priority
    # Many at a time, since they are to get into each other's way.
    posted = chance.randrange(0, int(within), 300) + chance.uniform(0, 3)
    soon = chance.choice([10, 120, within])
    cancelled = posted + chance.uniform(0, soon) if chance.random() < 0.2 else None
    return Order(document, lead, posted, cancelled)


def _schedule(chance: random.Random) -> dict[str, Any]:
    schedule: dict[str, Any] = {}
    if chance.random() < 0.7:
        schedule["start"] = chance.choice(["@PT5M", "@PT2M", f"PT{chance.randint(1, 300)}S"])
    if chance.random() < 0.7:
        schedule["slip"] = f"PT{chance.randint(10, 300)}S"
    if chance.random() < 0.3:
        schedule["sliprand"] = True
    if chance.random() < 0.6:
        schedule |= {"repeat": f"PT{chance.randint(60, 300)}S", "max-runs": chance.randint(1, 6)}
    return schedule
