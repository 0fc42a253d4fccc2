"""A slice of many nodes in simulated time, through the real planner, dispatcher, runner and tables.

Functions live in simulated processes, each with what it remembers; how long they take on AWS is reckoned from
the processor's time here and what is stated below. Nodes measure where the deployment runs, or at agents
(``scale_agents.py``).
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import math
import os
import pathlib
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

from bench import scale_agents
from bench.hot_keys import HotKeys
from bench.mesh import MESH
from bench.simulated_processes import Processes, clocks_of, notice, remembering
from bench.simulated_time import MINUTE, SimulatedTime, SimulatedTool
from chalicelib.domain import task as tasks
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from local import engine_sqlite, environment

BEGINNING = dt.datetime(2026, 1, 5, 0, 10, tzinfo=UTC)
AHEAD, KEPT = dt.timedelta(minutes=6), dt.timedelta(minutes=1)
"""In the place of a day's horizon and two days for which runs are kept: in the long run as many are placed
and purged as are performed, however long ahead and afterwards."""
WARM_UP, COUNTED = dt.timedelta(minutes=4), dt.timedelta(minutes=3)
TASKS_A_NODE = 20
LASTS = 5.0
"""Seconds that a tool measures."""

LATENCY = {"Query": 6, "GetItem": 4, "BatchGetItem": 7, "TransactGetItems": 12, "PutItem": 6, "UpdateItem": 6}
LATENCY |= {"DeleteItem": 6, "TransactWriteItems": 18, "BatchWriteItem": 9, "SendMessageBatch": 12}
"""Milliseconds that AWS takes to answer."""
PER_CALL = 1.5
"""Milliseconds of a processor to sign a request, send it and read the answer: the engine here does not."""
SHARE = 1024 / 1769
"""Of a processor that a function of 1 GB has."""
OWN = "coordinator"


@dataclasses.dataclass(frozen=True)
class Size:
    """So many nodes, runs of each an hour and shards, of which one of ``one_of`` is played; ``at_agents``
    where they have their tools there."""

    nodes: int
    runs_an_hour: int
    shards: int
    one_of: int
    at_agents: bool = False

    def __post_init__(self) -> None:
        if self.shards * self.played < self.nodes:
            raise ValueError("play more nodes, or have more shards: there has to be one in the slice")

    @property
    def a_second(self) -> float:
        return self.nodes * self.runs_an_hour / 3600

    @property
    def played(self) -> int:
        return max(1, self.nodes // self.one_of)

    @property
    def times(self) -> float:
        return self.nodes / self.played

    @property
    def shards_played(self) -> int:
        return max(1, round(self.shards / self.times))


@dataclasses.dataclass
class Work:
    """What a function did: how often, the seconds it took and the longest of them."""

    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0


class Play(SimulatedTime):
    """The slice in simulated time, and the processes of functions."""

    def __init__(self, keys: HotKeys, size: Size):
        super().__init__(BEGINNING)
        self.keys, self.size = keys, size
        self.work: defaultdict[str, Work] = defaultdict(Work)
        self.sent: Counter[str] = Counter()
        self.performed = 0
        self._waited = 0.0
        self._processes = Processes()

    def clear(self) -> None:
        """Count anew from now on."""
        for each in (self.keys, self.work, self.sent):
            each.clear()
        self.performed = 0

    def perform(self, function: str, work: Callable[[], object]) -> None:
        """Do a function's work in a process that is free, and reckon how long it takes on AWS."""
        known = self._processes.take(function, self.now)
        before = Counter(self.keys.calls[function])
        self.keys.phase, self.keys.spent_here, self._waited = function, 0.0, 0.0
        began = time.process_time()
        with remembering(known):
            is_of_queue = function != scale_agents.API and not function.endswith(" tick")
            notice(function, is_of_queue, self.now)
            work()
        spent = time.process_time() - began - self.keys.spent_here
        asked = self.keys.calls[function] - before
        answered = sum(LATENCY.get(name, 10) * number for name, number in asked.items()) / 1000
        seconds = (max(0.0, spent) + PER_CALL / 1000 * asked.total()) / SHARE + answered + self._waited
        done = self.work[function]
        done.calls, done.seconds = done.calls + 1, done.seconds + seconds
        done.longest = max(done.longest, seconds)
        self._processes.leave(function, known, self.now + dt.timedelta(seconds=seconds))

    def wait(self, seconds: float) -> None:
        self._waited += seconds

    def count_sent(self, queue: str, messages: int) -> None:
        self.sent[queue] += messages
        self.keys.calls[self.keys.phase]["SendMessageBatch"] += -(-messages // 10)


@contextlib.contextmanager
def playing(size: Size, say: Callable[[str], None]) -> Iterator[Play]:
    """A slice whose tasks are posted, with its clocks and agents, about to begin."""
    keys = HotKeys()
    play = Play(keys, size)
    with _in_place(play), keys.counted():
        names = _register(play)
        say(f"{size.played} nodes of {size.nodes}, {size.shards_played} shards of {size.shards}: posting ...")
        _post(play, names)
        _clocks(play)
        for place, name in enumerate(names if size.at_agents else ()):
            agent = scale_agents.Agent(name, play, play.machine, LASTS, RESULT)
            agent.begin(scale_agents.FIRST_CONTACT * place / len(names))
        say(f"{size.played * TASKS_A_NODE} tasks are posted; {WARM_UP} and {COUNTED} pass ...")
        yield play


@contextlib.contextmanager
def _in_place(play: Play) -> Iterator[None]:
    """Tables of its own, and the play's queues, tools, clock and patience in the place of the real ones."""
    from chalicelib.infrastructure import queues, shard_work
    from chalicelib.service.execution import supervisor
    from chalicelib.service.node import state_upgrade
    from chalicelib.settings import forget_settings
    from chalicelib.store import run_items

    def tool(task: Any, run: Any, machine: Any, since: dt.datetime | None) -> SimulatedTool:
        play.performed += 1
        return SimulatedTool(run, machine, LASTS, RESULT)

    os.environ |= {
        "PSCHEDULER_NODE": OWN,
        "PSCHEDULER_HOSTNAME": "coordinator.example.net",
        "PSCHEDULER_SHARDS": str(play.size.shards_played),
        "PSCHEDULER_LONGEST_RUN": "840",
        "PSCHEDULER_HEAD_START": "5",
        "PSCHEDULER_AGENT_CARRIER": "queue",
    }
    forget_settings()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        mock.patch.multiple(queues, send=play.send, send_many=play.send_many, send_at=play.send_at),
        mock.patch.object(supervisor, "_ToolAtWork", tool),
        mock.patch.object(run_items, "KEEP_AFTER_LAST_RUN", KEPT),
        mock.patch.object(tasks, "HORIZON", AHEAD),
        mock.patch.object(state_upgrade, "advance", return_value=None),  # no earlier version was here
        mock.patch.object(shard_work, "SHARDS_AT_TICK", shard_work.SHARDS_AT_TICK / play.size.times),
        clocks_of(play),
    ):
        environment.set_environment()
        with engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"):
            environment.create_everything()
            yield


RESULT = next(test.result for test in MESH if test.name == "rtt")


def _register(play: Play) -> list[NodeName]:
    from chalicelib.domain import served_nodes
    from chalicelib.host.facts import gather
    from chalicelib.service.node import agent_facts, node_directory, registration

    names = [f"n{number}.example.net" for number in range(play.size.played)]
    place = served_nodes.AGENT if play.size.at_agents else served_nodes.HERE
    for name in names:
        registration.add(name, place, BEGINNING)
        if play.size.at_agents:
            agent_facts.take(served_nodes.name_of(name), gather())
    node_directory.forget()
    return [served_nodes.name_of(name) for name in names]


def _post(play: Play, names: Sequence[NodeName]) -> None:
    """Tasks of every node that repeat so often that it has its runs an hour, spread evenly."""
    from chalicelib.service.tasks import create

    every = 3600 * TASKS_A_NODE / play.size.runs_an_hour
    play.keys.phase = "post"
    for place, (node, number) in enumerate(itertools.product(names, range(TASKS_A_NODE))):
        first = BEGINNING + MINUTE + dt.timedelta(seconds=math.floor(every * (place * 0.6180339 % 1)))
        document = {
            "schema": 1,
            "test": {"type": "rtt", "spec": {"dest": f"h{number}.example.org", "count": 5}},
            "schedule": {"start": first.isoformat(), "repeat": f"PT{every:.0f}S"},
        }
        create.create(node, document, {"requester": "192.0.2.1"}, play.now)


def _clocks(play: Play) -> None:
    from chalicelib.service.alerts import watch
    from chalicelib.service.archiving import announce
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import reaper
    from chalicelib.service.scheduling import dispatch_tick
    from chalicelib.service.series import hourly_rollups

    def reap(now: dt.datetime) -> None:
        for tick in (reaper.tick, hourly_rollups.tick, watch.tick):
            tick(now)

    play.every_minute("plan tick", shard_planner.tick)
    play.every_minute("dispatch tick", dispatch_tick.tick)
    play.every_minute("reap tick", reap)
    play.every_minute("archive tick", announce.tick)
