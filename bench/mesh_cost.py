"""What a mesh costs on AWS: a standard one, played through the real code in simulated time.

Hosts measure to one another from one deployment: rtt and trace each by itself, latency and throughput two
together. Clocks tick, messages come when they are due, tools say what tools say; all that is asked of
DynamoDB is counted by table and index, and each clock's and queue's call of a function.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import os
import pathlib
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import botocore.client

from bench.simulated_time import SimulatedTime
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from local import engine_sqlite, environment

BEGINNING = dt.datetime(2100, 1, 4, tzinfo=UTC)
"""Far ahead: what expires is dropped by the engine's own clock, at no charge, as on AWS."""
PURGED_AFTER = dt.timedelta(minutes=5)
"""Two days in truth: so what is forgotten by a write is counted beside what is placed."""
WARM_UP = dt.timedelta(minutes=20)
"""Before that nothing is counted: tasks are posted and their first day of runs placed."""
PER_READ, PER_WRITE, PER_QUEUE_REQUEST, PER_INVOCATION = 0.125e-6, 0.625e-6, 0.40e-6, 0.20e-6
PER_GB_SECOND = 0.0000166667
"""US dollars, on-demand list prices of us-east-1 as of 2026-11."""
PRICES_OF = "2026-11, us-east-1, on demand"
GB = 0.5
"""The memory of a function."""
MONTH = dt.timedelta(days=30)
_ASKED = ("Query", "BatchGetItem", "TransactGetItems", "GetItem")
_WRITTEN = ("TransactWriteItems", "BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem")


@dataclasses.dataclass(frozen=True)
class Test:
    """A test of the mesh: its result, how often, and whether both ends take part."""

    name: str
    every: dt.timedelta
    together: bool
    spec: dict[str, Any]
    result: dict[str, Any]


def _trips(count: int) -> list[dict[str, Any]]:
    return [
        {"seq": seq, "ip": "192.0.2.9", "length": 64, "ttl": 58, "rtt": "PT0.0123S"}
        for seq in range(1, count + 1)
    ]


MESH = (
    Test(
        "rtt",
        dt.timedelta(minutes=5),
        False,
        {"count": 5},
        {
            "succeeded": True,
            "schema": 1,
            "sent": 5,
            "received": 5,
            "lost": 0,
            "loss": 0.0,
            "duplicates": 0,
            "reorders": 0,
            "roundtrips": _trips(5),
            **dict.fromkeys(("min", "max", "mean"), "PT0.0123S"),
            "stddev": "PT0.0004S",
        },
    ),
    Test(
        "trace",
        dt.timedelta(minutes=10),
        False,
        {},
        {
            "succeeded": True,
            "schema": 1,
            "paths": [[{"ip": f"192.0.2.{hop}", "rtt": "PT0.002S"} for hop in range(1, 12)]],
        },
    ),
    Test(
        "latency",
        dt.timedelta(minutes=5),
        True,
        {"packet-count": 100},
        {
            "succeeded": True,
            "schema": 1,
            "packets-sent": 100,
            "packets-received": 100,
            "packets-lost": 0,
            "packets-duplicated": 0,
            "packets-reordered": 0,
            "max-clock-error": 0.4,
            "histogram-latency": {f"{5 + n / 10:.2f}": 10 for n in range(10)},
            "histogram-ttl": {"58": 100},
        },
    ),
    Test(
        "throughput",
        dt.timedelta(hours=6),
        True,
        {"duration": "PT10S"},
        {
            "succeeded": True,
            "schema": 1,
            "diags": "",
            "summary": {
                "streams": [],
                "summary": {"start": 0, "end": 10, "throughput-bits": 9.1e9, "throughput-bytes": 1.1e10},
            },
            "intervals": [
                {
                    "streams": [],
                    "summary": {"start": n, "end": n + 1, "throughput-bits": 9.1e9, "throughput-bytes": 1e9},
                }
                for n in range(10)
            ],
        },
    ),
)


ALONE = tuple(test for test in MESH if not test.together)
"""Those one host makes by itself."""
CHOICES = ("both", "alone", "all", *(test.name for test in MESH))


def chosen(choice: str) -> list[tuple[Test, ...]]:
    """The tests of each mesh to be played."""
    known: dict[str, list[tuple[Test, ...]]] = {"both": [ALONE, MESH], "alone": [ALONE], "all": [MESH]}
    return known.get(choice) or [(test,) for test in MESH if test.name == choice]


def _sums() -> defaultdict[str, float]:
    return defaultdict(float)


@dataclasses.dataclass
class Counts:
    """What was asked for: read and write units by where, calls by what, and seconds of functions by whose.

    ``waited`` are those of the function under way in which it does nothing.
    """

    reads: Counter[str] = dataclasses.field(default_factory=Counter)
    writes: Counter[str] = dataclasses.field(default_factory=Counter)
    calls: Counter[str] = dataclasses.field(default_factory=Counter)
    phase: str = ""
    seconds: defaultdict[str, float] = dataclasses.field(default_factory=_sums)
    waited: defaultdict[str, float] = dataclasses.field(default_factory=_sums)


_plays = itertools.count()
"""Each is of another time, so that nothing is known from the one before."""


class Play(SimulatedTime):
    """The mesh in simulated time, counted."""

    def __init__(self, counts: Counts):
        super().__init__(BEGINNING + next(_plays) * MONTH)
        self.began = self.now
        self.counts = counts

    def perform(self, function: str, work: Callable[[], object]) -> None:
        counts = self.counts
        counts.phase = function
        counts.calls[f"invocation: {function}"] += 1
        began = time.process_time()
        work()
        counts.seconds[function] += time.process_time() - began + counts.waited.pop(function, 0.0)

    def wait(self, seconds: float) -> None:
        self.counts.waited[self.counts.phase] += seconds

    def count_sent(self, queue: str, messages: int) -> None:
        """Sending ten at a time, receiving and deleting each."""
        self.counts.calls["queue requests"] += -(-messages // 10) + 2 * messages


@contextlib.contextmanager
def counted(counts: Counts) -> Iterator[None]:
    """Count the units of all that this process asks of DynamoDB meanwhile."""
    original = botocore.client.BaseClient._make_api_call

    def counting(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if client.meta.service_model.service_name != "dynamodb" or operation not in _ASKED + _WRITTEN:
            return original(client, operation, arguments)
        answer = original(client, operation, {**arguments, "ReturnConsumedCapacity": "INDEXES"})
        found = answer.get("ConsumedCapacity", [])
        units = counts.reads if operation in _ASKED else counts.writes
        for each in found if isinstance(found, list) else [found]:
            _add(units, counts.phase, each)
        return answer

    botocore.client.BaseClient._make_api_call = counting
    try:
        yield
    finally:
        botocore.client.BaseClient._make_api_call = original


def _add(units: Counter[str], phase: str, consumed: dict[str, Any]) -> None:
    table = consumed["TableName"].rsplit("-", 1)[-1]
    units[f"{phase} / {table}"] += consumed["Table"]["CapacityUnits"]
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        for name, each in consumed.get(kind, {}).items():
            units[f"{phase} / {table}.{name}"] += each["CapacityUnits"]


def mesh_cost(
    hosts: int, hours: float, say: Callable[[str], None], tests: Sequence[Test] = MESH
) -> tuple[Counts, list[dict[str, Any]]]:
    """What was counted while so many hosts measured to one another for so many hours, and rows of what it is.

    What is billed by the run is counted; a clock's own calls are in it, so a larger mesh costs less a run.
    """
    names = [f"h{number}.example.net" for number in range(1, hosts + 1)]
    os.environ["PSCHEDULER_NODE"] = os.environ["PSCHEDULER_HOSTNAME"] = names[0]
    os.environ["PSCHEDULER_NODES"] = ",".join(f"{name}={name}" for name in names[1:])
    counts = Counts()
    play = Play(counts)
    counted_for = dt.timedelta(hours=hours)
    with _in_place(play), counted(counts):
        tasks = _post(play, names, tests)
        _clocks(play)
        say(f"{tasks} tasks are posted; {WARM_UP} and {counted_for} pass ...")
        play.until(play.began + WARM_UP)
        _forget(counts)
        play.until(play.began + WARM_UP + counted_for)
    return counts, _bill(counts, tasks, counted_for)


def _bill(counts: Counts, tasks: int, counted_for: dt.timedelta) -> list[dict[str, Any]]:
    """A row for each thing that is billed: for a run, for a million, and for this mesh a month."""
    runs = _runs(counts)
    calls = sum(number for name, number in counts.calls.items() if name.startswith("invocation"))
    seconds = sum(counts.seconds.values())
    billed = {
        "write units": (sum(counts.writes.values()), PER_WRITE),
        "read units": (sum(counts.reads.values()), PER_READ),
        "queue requests": (counts.calls["queue requests"], PER_QUEUE_REQUEST),
        "invocations": (calls, PER_INVOCATION),
        "Lambda seconds": (seconds, PER_GB_SECOND * GB),
    }
    return [
        {
            "billed": what,
            "a run": number / runs,
            "$ a million runs": number / runs * price * 1e6,
            "$ a month": number * price * (MONTH / counted_for),
        }
        for what, (number, price) in billed.items()
    ]


def _runs(counts: Counts) -> int:
    return sum(number for name, number in counts.calls.items() if name.startswith("run: "))


def where(counts: Counts, least: float = 0.05) -> list[dict[str, Any]]:
    """Where the units of a run go, the largest first."""
    runs = _runs(counts)
    kinds = {"write": counts.writes, "read": counts.reads}
    return [
        {"units": kind, "by / of": place, "a run": number / runs}
        for kind, units in kinds.items()
        for place, number in units.most_common()
        if number / runs >= least
    ]


@contextlib.contextmanager
def _in_place(play: Play) -> Iterator[None]:
    """Tables of its own, and the play's queues, tools and patience in the place of the real ones."""
    from chalicelib.domain.assignment import LocalResult
    from chalicelib.infrastructure import queues
    from chalicelib.service.execution import supervisor
    from chalicelib.service.node import readdressing
    from chalicelib.settings import forget_settings
    from chalicelib.store import counted_hours, long_runs, run_items, shards, timeline_memory

    results = {test.name: test.result for test in MESH}

    def perform(assignment: Any, machine: Any, *_: object) -> LocalResult:
        play.counts.calls[f"run: {assignment.test}"] += 1
        machine.sleep_until(assignment.end)
        return LocalResult(
            result={"succeeded": True, "result": results[assignment.test], "error": None, "diags": ""}
        )

    remembering = (readdressing, shards, long_runs, timeline_memory, counted_hours)
    for forget in (forget_settings, *(module.forget for module in remembering)):
        forget()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        mock.patch.multiple(queues, send=play.send, send_many=play.send_many, send_at=play.send_at),
        mock.patch.object(supervisor, "perform", perform),
        mock.patch.object(run_items, "KEEP_AFTER_LAST_RUN", PURGED_AFTER),
    ):
        environment.set_environment()
        with engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"):
            environment.create_everything()
            yield


def _post(play: Play, names: list[str], tests: Sequence[Test]) -> int:
    from chalicelib.service.tasks import create

    posted = 0
    for source, dest in itertools.permutations(names, 2):
        for test in tests:
            spec = {"source": source, "dest": dest, **test.spec}
            if not test.together:
                spec.pop("source")
            document = {
                "schema": 1,
                "test": {"type": test.name, "spec": spec},
                "schedule": {"repeat": _iso(test.every), "slip": "PT5M", "sliprand": True},
                "reference": {"label": "Mesh"},
            }
            play.counts.phase = "post"
            create.create(NodeName(source), document, {"requester": "192.0.2.1"}, play.now)
            posted += 1
    return posted


def _iso(length: dt.timedelta) -> str:
    return f"PT{int(length.total_seconds())}S"


def _clocks(play: Play) -> None:
    from chalicelib.service.archiving import announce
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import reaper
    from chalicelib.service.scheduling import dispatch_tick
    from chalicelib.service.series import rolling

    ticks = {
        "plan": shard_planner.tick,
        "dispatch": dispatch_tick.tick,
        "reap": reaper.tick,
        "series": rolling.tick,
        "archive": announce.tick,
    }
    for name, tick in ticks.items():
        play.every_minute(f"clock {name}", tick)


def _forget(counts: Counts) -> None:
    for each in (counts.reads, counts.writes, counts.calls, counts.seconds, counts.waited):
        each.clear()
