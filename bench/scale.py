"""What gives first at a size: many nodes' runs through the real planner, dispatcher, runner and tables.

A slice of them is played in simulated time, one of so many nodes with as many of the shards, so each shard
has as much to do as it would. What is touched is counted by hash key. Keys of one node, task or run are as
busy at full size as in the slice. What all share - the deployment's own notes - is as many times busier as
there are more nodes. Functions live in simulated processes, each with what it remembers.

Nodes measure where the deployment runs, or at agents (``scale_agents.py``). Stated, not measured: LATENCY,
PER_CALL, SHARE. Left out: posting, archives, the hourly roll-up.
"""

import contextlib
import dataclasses
import datetime as dt
import functools
import heapq
import itertools
import math
import os
import pathlib
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

from bench import scale_agents
from bench.hot_keys import HotKeys, Place
from chalicelib.domain import task as tasks
from chalicelib.domain.messages import Message
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from local import engine_sqlite, environment

BEGINNING = dt.datetime(2026, 1, 5, 0, 10, tzinfo=UTC)
SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)
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
WRITES, READS = 1000, 3000
"""Units a second that DynamoDB has for one key."""
LEAST_SHOWN = 0.1
PROVISIONED = 20_000
"""Messages that a queue hands out at a time where it has pollers provisioned; 1,250 without."""
ACCOUNT = 1000
"""Functions that an account may have at a time, unless it asks for more."""
REMEMBERED = (
    ("service.node.heartbeats", "_noted"),
    ("service.node.debug", "_looked"),
    ("service.node.registry", "_nodes"),
    ("service.node.registry", "_unused"),
    ("service.alerts.rules", "_seen"),
    ("service.series.points", "_current"),
)
"""What a process of a function keeps in memory, which one that is started anew has not."""


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


class Play:
    """The slice: what is due, a clock set to it, and the processes of functions."""

    def __init__(self, keys: HotKeys, size: Size):
        self.now, self.keys, self.size = BEGINNING, keys, size
        self.work: defaultdict[str, Work] = defaultdict(Work)
        self.sent: Counter[str] = Counter()
        self.performed = 0
        self.waited = 0.0
        self._due: list[tuple[dt.datetime, int, str, Callable[[], object]]] = []
        self._order = itertools.count()
        self._processes: dict[str, list[tuple[dt.datetime, int, dict[Any, Any]]]] = defaultdict(list)

    def at(self, moment: dt.datetime, function: str, work: Callable[[], object]) -> None:
        heapq.heappush(self._due, (max(moment, self.now), next(self._order), function, work))

    def every_minute(self, function: str, tick: Callable[[dt.datetime], object]) -> None:
        def again() -> None:
            self.at(self.now + MINUTE, function, again)
            tick(self.now)

        self.at(self.now, function, again)

    def until(self, end: dt.datetime) -> None:
        while self._due and self._due[0][0] <= end:
            self.now, _, function, work = heapq.heappop(self._due)
            self._perform(function, work)
        self.now = end

    def _perform(self, function: str, work: Callable[[], object]) -> None:
        """Do a function's work in a process that is free, and reckon how long it takes on AWS."""
        known = self._process(function)
        before = Counter(self.keys.calls[function])
        self.keys.phase, self.keys.spent_here, self.waited = function, 0.0, 0.0
        began = time.process_time()
        with _remembering(known):
            self._notice(function)
            work()
        spent = time.process_time() - began - self.keys.spent_here
        asked = self.keys.calls[function] - before
        answered = sum(LATENCY.get(name, 10) * number for name, number in asked.items()) / 1000
        seconds = (max(0.0, spent) + PER_CALL / 1000 * asked.total()) / SHARE + answered + self.waited
        done = self.work[function]
        done.calls, done.seconds = done.calls + 1, done.seconds + seconds
        done.longest = max(done.longest, seconds)
        until = self.now + dt.timedelta(seconds=seconds)
        heapq.heappush(self._processes[function], (until, next(self._order), known))

    def _process(self, function: str) -> dict[Any, Any]:
        free = self._processes[function]
        return heapq.heappop(free)[2] if free and free[0][0] <= self.now else {}

    def _notice(self, function: str) -> None:
        """What every handler does of an event before it looks into it."""
        from chalicelib.service.node import debug, heartbeats
        from chalicelib.settings import settings

        debug.follow()
        if function != scale_agents.API and not function.endswith(" tick"):
            heartbeats.note(settings().node, f"handled-{function}", self.now)

    # --- in the place of the queues

    def send(self, queue: Any, message: Message, delay: dt.timedelta = 0 * SECOND) -> None:
        self.send_at(queue, [(message, self.now + delay)])

    def send_many(self, queue: Any, outgoing: Any) -> None:
        self.send_at(queue, [(message, self.now + delay) for message, delay in outgoing])

    def send_at(self, queue: Any, outgoing: Any) -> None:
        for message, moment in outgoing:
            self.at(moment, queue.name, functools.partial(self._handle, message))
        self.sent[queue.name] += len(outgoing)
        self.keys.calls[self.keys.phase]["SendMessageBatch"] += -(-len(outgoing) // 10)

    def _handle(self, message: Message) -> None:
        from chalicelib.events import queue_handlers

        queue_handlers.handle(message, self.now, _machine(self))


def _machine(play: Play) -> Any:
    from chalicelib.infrastructure.machine import Machine

    class Simulated(Machine):
        def __init__(self) -> None:
            super().__init__()
            self._at = play.now

        def now(self) -> dt.datetime:
            return self._at

        def sleep_until(self, moment: dt.datetime) -> None:
            play.waited += max(0.0, (moment - self._at).total_seconds())
            self._at = max(self._at, moment)

        def anew(self) -> "Simulated":
            return self

    return Simulated()


@contextlib.contextmanager
def _remembering(known: dict[Any, Any]) -> Iterator[None]:
    """Have in memory what a process has there, and keep with it what it comes to remember."""
    import importlib

    from chalicelib.service.node.remembered import Remembered

    for place in REMEMBERED:
        held = getattr(importlib.import_module(f"chalicelib.{place[0]}"), place[1])
        content = held._known if isinstance(held, Remembered) else held
        content.clear()
        if isinstance(content, list):
            content.extend(known.get(place, ()))
        else:
            content.update(known.get(place, {}))
    yield
    for place in REMEMBERED:
        held = getattr(importlib.import_module(f"chalicelib.{place[0]}"), place[1])
        content = held._known if isinstance(held, Remembered) else held
        known[place] = type(content)(content)


def scale(size: Size, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the busiest keys of each table and index, and of the functions, at full size."""
    keys = HotKeys()
    play = Play(keys, size)
    with _in_place(play), keys.counted():
        names = _register(play)
        say(f"{size.played} nodes of {size.nodes}, {size.shards_played} shards of {size.shards}: posting ...")
        _post(play, names)
        _clocks(play)
        for place, name in enumerate(names if size.at_agents else ()):
            agent = scale_agents.Agent(name, play, functools.partial(_machine, play), LASTS, RESULT)
            agent.begin(scale_agents.FIRST_CONTACT * place / len(names))
        say(f"{play.size.played * TASKS_A_NODE} tasks are posted; {WARM_UP} and {COUNTED} pass ...")
        play.until(BEGINNING + WARM_UP)
        keys.clear()
        play.work.clear()
        play.sent.clear()
        play.performed = 0
        play.until(BEGINNING + WARM_UP + COUNTED)
    seconds = COUNTED.total_seconds()
    say(f"{play.performed / seconds:.1f} runs a second performed, {size.a_second / size.times:.1f} wanted")
    return _key_rows(keys, size, seconds), _function_rows(play, seconds)


def _key_rows(keys: HotKeys, size: Size, seconds: float) -> list[dict[str, Any]]:
    """The busiest key of each kind at full size against what DynamoDB has for one."""
    kinds: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for place in {*keys.writes, *keys.reads}:
        kinds[place.table, place.within, _kind(place)].append(place)
    rows = []
    for (table, index, kind), places in sorted(kinds.items()):
        factor = size.times if kind == "deployment" else 1.0
        written = max(keys.writes[place] for place in places) / seconds * factor
        read = max(keys.reads[place] for place in places) / seconds * factor
        row: dict[str, Any] = {
            "table": f"{table}.{index}" if index else table,
            "key of": kind,
            "writes/s": written,
            "reads/s": read,
            "% of limit": 100 * max(written / WRITES, read / READS),
            "all writes/s": sum(keys.writes[place] for place in places) / seconds * size.times,
        }
        rows.append(row)
    seen = [row for row in rows if row["% of limit"] >= LEAST_SHOWN]
    return sorted(seen, key=lambda row: -row["% of limit"])


def _kind(place: Place) -> str:
    """What a key is one of, and so what it grows with."""
    if place.key.startswith("#"):
        return f"shard, {place.key.split('#')[1]}" if place.key.count("#") > 1 else "shard"
    if place.key.partition("#")[0] in (OWN, "") or ("#" not in place.key and place.table == "node"):
        return "deployment"
    return "node" if place.within or place.table in ("node", "nodes") else "item"


OWN = "coordinator"


def _function_rows(play: Play, seconds: float) -> list[dict[str, Any]]:
    """Each function at full size: how often, how long, and so how many of it at a time."""
    from local.deployment.functions import AT_A_TIME, REQUESTS_AT_A_TIME

    most = {**AT_A_TIME, "API": REQUESTS_AT_A_TIME}
    names = {
        scale_agents.API: "API",
        "plan": "PlanTask",
        "peers": "AskPeers",
        "runs": "Run",
        "deliveries": "Deliver",
    }
    rows = []
    for function, done in sorted(play.work.items()):
        is_tick = function.endswith(" tick")
        calls = done.calls / seconds * (1 if is_tick else play.size.times)
        longest = done.longest * (play.size.times if is_tick else 1)
        mean = done.seconds / done.calls * (play.size.times if is_tick else 1)
        rows.append(
            {
                "function": function,
                "calls/s": calls,
                "s a call": mean,
                "longest s": longest,
                "at a time": calls * mean,
                "limit": 1 if is_tick else most[names[function]],
                "messages/s": play.sent[function] / seconds * play.size.times,
            }
        )
    return rows


def limits(
    keys: Sequence[dict[str, Any]], functions: Sequence[dict[str, Any]], size: Size
) -> list[dict[str, Any]]:
    """What gives, the first first: at how many nodes as a stage usually is, and with what can be set."""
    found = [
        {
            "what": f"one key of {row['table']} ({row['key of']})",
            "nodes": size.nodes * 100 / row["% of limit"],
            "by setting": size.nodes * 100 / row["% of limit"],
        }
        for row in keys
    ]
    for row in functions:
        most = ACCOUNT if row["function"] == scale_agents.API else PROVISIONED
        if row["function"].endswith(" tick"):
            most = row["limit"]
        found.append(
            {
                "what": f"{row['function']}, at a time",
                "nodes": size.nodes * row["limit"] / row["at a time"],
                "by setting": size.nodes * most / row["at a time"],
            }
        )
    return sorted(found, key=lambda row: row["nodes"])


def shards_needed(functions: Sequence[dict[str, Any]], size: Size) -> int:
    """So many that no planner, dispatcher or reaper of a shard has more than it looks up, or has time for."""
    from chalicelib.infrastructure import shard_work
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import reaper

    a_minute = size.a_second * 60
    at_once = (shard_planner.TASKS_PER_SHARD, reaper.ITEMS_IN_TIME)
    longest = next((row["longest s"] for row in functions if row["function"] == "plan"), 0.0)
    return math.ceil(max(*(a_minute / most for most in at_once), size.shards * longest / shard_work.SECONDS))


@contextlib.contextmanager
def _in_place(play: Play) -> Iterator[None]:
    """Tables of its own, and the play's queues, tools, clock and patience in the place of the real ones."""
    from chalicelib.domain.assignment import LocalResult
    from chalicelib.infrastructure import queues, shard_work
    from chalicelib.service.execution import supervisor
    from chalicelib.service.node import debug, readdressing, registry
    from chalicelib.settings import forget_settings
    from chalicelib.store import run_table

    def perform(assignment: Any, machine: Any, *_: object) -> LocalResult:
        play.performed += 1
        machine.sleep_until(max(machine.now(), assignment.start) + LASTS * SECOND)
        return LocalResult(result={"succeeded": True, "result": RESULT, "error": None, "diags": ""})

    clock = lambda: (play.now - BEGINNING).total_seconds() + 1000  # noqa: E731
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
        mock.patch.object(supervisor, "perform", perform),
        mock.patch.object(run_table, "KEEP_AFTER_LAST_RUN", KEPT),
        mock.patch.object(tasks, "HORIZON", AHEAD),
        mock.patch.object(readdressing, "advance", return_value=None),  # no earlier version was here
        mock.patch.object(shard_work, "SHARDS_AT_TICK", shard_work.SHARDS_AT_TICK / play.size.times),
        mock.patch.object(debug, "time", SimpleNamespace(monotonic=clock)),
        mock.patch.object(registry._nodes, "_clock", clock),
        mock.patch.object(registry._unused, "_clock", clock),
    ):
        environment.set_environment()
        with engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"):
            environment.create_everything()
            yield


RESULT: dict[str, Any] = {
    "succeeded": True,
    "schema": 1,
    "sent": 5,
    "received": 5,
    "lost": 0,
    "loss": 0.0,
    "duplicates": 0,
    "reorders": 0,
    "roundtrips": [
        {"seq": seq, "ip": "192.0.2.9", "length": 64, "ttl": 58, "rtt": "PT0.0123S"} for seq in range(1, 6)
    ],
    **dict.fromkeys(("min", "max", "mean"), "PT0.0123S"),
    "stddev": "PT0.0004S",
}


def _register(play: Play) -> list[NodeName]:
    from chalicelib.domain import served_nodes
    from chalicelib.host.facts import gather
    from chalicelib.service.node import agent_facts, registry

    names = [f"n{number}.example.net" for number in range(play.size.played)]
    place = served_nodes.AGENT if play.size.at_agents else served_nodes.HERE
    for name in names:
        registry.add(name, place, BEGINNING)
        if play.size.at_agents:
            agent_facts.take(served_nodes.name_of(name), gather())
    registry.forget()
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
    from chalicelib.service.series import rolling

    def reap(now: dt.datetime) -> None:
        for tick in (reaper.tick, rolling.tick, watch.tick):
            tick(now)

    play.every_minute("plan tick", shard_planner.tick)
    play.every_minute("dispatch tick", dispatch_tick.tick)
    play.every_minute("reap tick", reap)
    play.every_minute("archive tick", announce.tick)
