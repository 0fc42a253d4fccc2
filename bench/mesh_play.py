"""A mesh played through the real code in simulated time, and what of AWS that takes, counted.

Clocks tick, messages come when they are due, tools say what tools say (``mesh.py``). All that is asked of
DynamoDB is counted by the function that asks, by table and index, and by the test it is asked for where it is
for one. Functions are in processes of their own, as they are on Lambda.
"""

import contextlib
import dataclasses
import datetime as dt
import itertools
import json
import os
import pathlib
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import botocore.client

from bench.mesh import Test, programs_in
from bench.simulated_processes import Processes, clocks_of, notice, remembering
from bench.simulated_time import SimulatedTime, SimulatedTool
from chalicelib.domain.names import TaskId
from chalicelib.domain.times import SECOND, UTC
from local import engine_sqlite, environment

BEGINNING = dt.datetime(2100, 1, 4, tzinfo=UTC)
"""Far ahead: what expires is dropped by the engine's own clock, at no charge, as on AWS."""
MONTH = dt.timedelta(days=30)
PURGED_AFTER = dt.timedelta(minutes=5)
"""Two days in truth: so what is forgotten by a write is counted beside what is placed."""
AHEAD = dt.timedelta(hours=1)
"""How far ahead runs that conflict with others are placed, one at a time; a day in truth. In the long run as
many are placed as performed, however far ahead."""
SHARED = "clocks and queues"
"""What is asked for no test of its own."""
_ASKED = ("Query", "BatchGetItem", "TransactGetItems", "GetItem")
_WRITTEN = ("TransactWriteItems", "BatchWriteItem", "PutItem", "UpdateItem", "DeleteItem")


class Place(NamedTuple):
    """What units are of: the test they are for, the function that asked, and the table or index."""

    test: str
    function: str
    table: str


@dataclasses.dataclass
class Counts:
    """What was asked for meanwhile; ``seconds`` are those of functions, which wait in some of them."""

    reads: Counter[Place] = dataclasses.field(default_factory=Counter)
    writes: Counter[Place] = dataclasses.field(default_factory=Counter)
    performed: Counter[str] = dataclasses.field(default_factory=Counter)
    invocations: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    queue_requests: Counter[str] = dataclasses.field(default_factory=Counter)
    seconds: defaultdict[str, float] = dataclasses.field(default_factory=lambda: defaultdict(float))

    def clear(self) -> None:
        for field in dataclasses.fields(self):
            getattr(self, field.name).clear()

    @property
    def runs(self) -> int:
        """Those performed; one that two take part in is two."""
        return self.performed.total()


_plays = itertools.count()
"""Each is of another time, so that nothing is known from the one before."""


class Play(SimulatedTime):
    """The mesh in simulated time, counted."""

    def __init__(self) -> None:
        super().__init__(BEGINNING + next(_plays) * MONTH)
        self.began = self.now
        self.counts = Counts()
        self.tests: dict[str, Test] = {}
        """By task, and by the series of its results."""
        self.function, self.test = "post", SHARED
        self._waited = 0.0
        self._processes = Processes()

    def perform(self, function: str, work: Callable[[], object]) -> None:
        self.function, self.test, self._waited = function, SHARED, 0.0
        memory = self._processes.take(function, self.now)
        began = time.process_time()
        with remembering(memory):
            notice(function, not function.startswith("clock "), self.now)
            work()
        seconds = time.process_time() - began + self._waited
        self.counts.invocations[function, self.test] += 1
        self.counts.seconds[self.test] += seconds
        self._processes.leave(function, memory, self.now + seconds * SECOND)

    def wait(self, seconds: float) -> None:
        self._waited += seconds

    def count_sent(self, queue: str, messages: int) -> None:
        """Sending ten at a time, receiving and deleting each."""
        self.counts.queue_requests[self.test] += -(-messages // 10) + 2 * messages

    def _handle(self, message: Any) -> None:
        self.concern(getattr(message, "task", None))
        super()._handle(message)

    def concern(self, what: str | None) -> None:
        """Take what is asked for from now on for the test of a task or series."""
        test = self.tests.get(what or "")
        self.test = test.name if test else SHARED

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count the units of all that this process asks of DynamoDB meanwhile."""
        original = botocore.client.BaseClient._make_api_call

        def counting(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
            if client.meta.service_model.service_name != "dynamodb" or operation not in _ASKED + _WRITTEN:
                return original(client, operation, arguments)
            answer = original(client, operation, {**arguments, "ReturnConsumedCapacity": "INDEXES"})
            found = answer.get("ConsumedCapacity", [])
            units = self.counts.reads if operation in _ASKED else self.counts.writes
            for each in found if isinstance(found, list) else [found]:
                self._add(units, each)
            return answer

        with mock.patch.object(botocore.client.BaseClient, "_make_api_call", counting):
            yield

    def _add(self, units: Counter[Place], consumed: dict[str, Any]) -> None:
        table = consumed["TableName"].rsplit("-", 1)[-1]
        units[Place(self.test, self.function, table)] += consumed["Table"]["CapacityUnits"]
        for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for name, each in consumed.get(kind, {}).items():
                units[Place(self.test, self.function, f"{table}.{name}")] += each["CapacityUnits"]


@contextlib.contextmanager
def playing(names: Sequence[str], shards: int | None) -> Iterator[Play]:
    """A play whose deployment serves hosts of these names, set as on AWS, its clocks about to begin."""
    os.environ |= {
        "PSCHEDULER_NODE": names[0],
        "PSCHEDULER_HOSTNAME": names[0],
        "PSCHEDULER_NODES": ",".join(f"{name}={name}" for name in names[1:]),
        **environment_on_aws(),
        **({} if shards is None else {"PSCHEDULER_SHARDS": str(shards)}),
    }
    play = Play()
    with _in_place(play), play.counted():
        _clocks(play)
        yield play


def environment_on_aws() -> dict[str, str]:
    """What ``.chalice/config.json`` sets that has to do with what functions ask."""
    config = json.loads((pathlib.Path(__file__).parent.parent / ".chalice/config.json").read_text())
    given: dict[str, str] = config["stages"]["pscheduler"]["environment_variables"]
    return {name: value for name, value in given.items() if name not in _OWN}


_OWN = ("PSCHEDULER_NODE", "PSCHEDULER_HOSTNAME")


@contextlib.contextmanager
def _in_place(play: Play) -> Iterator[None]:
    """Tables of its own, and the play's queues, tools and patience in the place of the real ones."""
    from chalicelib.domain.task import Task
    from chalicelib.infrastructure import process_counters, queues
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import overdue, supervisor
    from chalicelib.service.node import node_directory, state_upgrade
    from chalicelib.service.series import hourly_rollups
    from chalicelib.settings import forget_settings
    from chalicelib.store import counted_hours, long_runs, point_table, run_items, shards, timeline_memory

    def tool(task: Any, run: Any, machine: Any, since: dt.datetime | None) -> SimulatedTool:
        test = play.tests[task.uuid]
        play.counts.performed[test.name] += 1
        return SimulatedTool(run, machine, test.lasts, test.result)

    usual = vars(Task)["horizon"].fget
    horizon = property(lambda task: usual(task) if task.is_anytime else min(AHEAD, usual(task)))
    put, plan_task, roll_up = point_table.put, shard_planner.plan_task, hourly_rollups.roll_up

    def noting(node: Any, series: str, point: Any) -> None:
        play.tests[series] = play.tests[point.task]
        put(node, series, point)

    def concerned(work: Callable[..., Any]) -> Callable[..., Any]:
        def concerned_work(node: Any, what: str, *others: Any) -> Any:
            before = play.test
            play.concern(what)
            try:
                return work(node, what, *others)
            finally:
                play.test = before

        return concerned_work

    remembering = (state_upgrade, shards, long_runs, node_directory, timeline_memory, counted_hours, overdue)
    for forget in (forget_settings, *(module.forget for module in remembering)):
        forget()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        clocks_of(play),
        mock.patch.multiple(queues, send=play.send, send_many=play.send_many, send_at=play.send_at),
        mock.patch.multiple(process_counters, is_on_aws=lambda: True, emit=lambda _: None),
        mock.patch.object(queues, "dead_letters", return_value=0),
        mock.patch.object(state_upgrade, "advance", return_value=None),  # an hour after it was deployed
        mock.patch.object(supervisor, "_ToolAtWork", tool),
        mock.patch.object(point_table, "put", noting),
        mock.patch.object(shard_planner, "plan_task", concerned(plan_task)),
        mock.patch.object(hourly_rollups, "roll_up", concerned(roll_up)),
        mock.patch.object(run_items, "KEEP_AFTER_LAST_RUN", PURGED_AFTER),
        mock.patch.object(Task, "horizon", horizon),
    ):
        environment.set_environment()
        programs = pathlib.Path(folder, "bin")
        programs.mkdir()
        os.environ["PATH"] = programs_in(programs)
        with engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"):
            environment.create_everything()
            yield


def _clocks(play: Play) -> None:
    from chalicelib.service.alerts import watch
    from chalicelib.service.archiving import announce
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import reaper
    from chalicelib.service.node import health
    from chalicelib.service.scheduling import dispatch_tick
    from chalicelib.service.series import hourly_rollups

    def reap(now: dt.datetime) -> None:
        for tick in (reaper.tick, hourly_rollups.tick, watch.tick, health.tick):
            tick(now)

    play.every_minute("clock plan", shard_planner.tick)
    play.every_minute("clock dispatch", dispatch_tick.tick)
    play.every_minute("clock reap", reap)
    play.every_minute("clock archive", announce.tick)


def tasks_of(play: Play, posted: Iterator[tuple[Test, TaskId]]) -> int:
    """Have tasks known to a play as they are posted; how many they are."""
    count = 0
    for test, task in posted:
        play.tests[task] = test
        count += 1
    return count
