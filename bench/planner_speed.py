"""Runs placed a second for many repeating tasks, by one planner and by several; what a placed run costs."""

import contextlib
import datetime as dt
import os
import subprocess
import sys
import time
import uuid
from typing import Any

from bench import capacity_units
from bench.benched_node import HERE
from local import environment

TASKS = 500
PLANNERS = {"1": (1, 1), "4 threads": (1, 4), "4 processes": (4, 1)}
"""Processes that plan, and the threads in each: a node has one process, functions have one thread each."""
REPEAT = "PT6H"
APART = 7
"""Seconds between the slots of one task and the next: several in every bucket, as on a busy node."""

SECONDS = 20.0
"""How long the planners have, should they not be done sooner."""

_PLANNER = """
import datetime as dt, sys, threading, time
from bench import state
from chalicelib.service.coordination.shard_planner import plan_shard
shards, threads = [int(shard) for shard in sys.argv[1].split(",")], int(sys.argv[3])
now = lambda: dt.datetime.now(dt.timezone.utc)
def plan(shards, until):
    while time.monotonic() < until and sum(plan_shard(shard, now()) for shard in shards):
        pass
with state.used():
    sys.stdin.read()
    until, before = time.monotonic() + float(sys.argv[2]), time.process_time()
    planning = [threading.Thread(target=plan, args=(shards[n::threads], until)) for n in range(threads)]
    for thread in planning:
        thread.start()
    for thread in planning:
        thread.join()
    print(time.process_time() - before)
"""


def planning(tasks: int) -> list[dict[str, Any]]:
    """Plan a day of so many exclusive tasks, each time in tables of their own."""
    return [{"planners": name, **_planned(tasks, *planners)} for name, planners in PLANNERS.items()]


def _planned(tasks: int, count: int, threads: int) -> dict[str, Any]:
    _use(f"bench-{uuid.uuid4().hex[:8]}")
    _store(tasks)
    from chalicelib.store.shards import every

    shards = [str(shard) for shard in every()]
    with contextlib.ExitStack() as running:
        processes = [running.enter_context(_planner(shards[n::count], threads)) for n in range(count)]
        time.sleep(2)  # all have imported what they need
        began = time.monotonic()
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()  # what they wait for
        used = sum(float(process.stdout.read()) for process in processes if process.stdout)
        seconds = time.monotonic() - began
    placed = _placed()
    return {
        "tasks": tasks,
        "runs placed": placed,
        "runs/s": placed / seconds,
        "CPU ms a run": 1000 * used / placed,
    }


def _planner(shards: list[str], threads: int) -> "subprocess.Popen[bytes]":
    """A process that plans some shards as soon as its input ends, and says what CPU time that took."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE}:{HERE / 'vendor'}"}
    command = [sys.executable, "-c", _PLANNER, ",".join(shards), str(SECONDS), str(threads)]
    return subprocess.Popen(command, cwd=HERE, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _use(prefix: str) -> None:
    """Have tables of one's own in the AWS at hand."""
    from chalicelib.infrastructure.queues import forget_urls
    from chalicelib.settings import forget_settings
    from chalicelib.store.models.all_tables import rebind

    os.environ["PSCHEDULER_PREFIX"] = prefix
    forget_settings()
    forget_urls()
    rebind()
    environment.create_everything()


def _store(count: int) -> None:
    """Store tasks as if just posted, the planner having all their runs still to place."""
    from chalicelib.store.transactions.booking import Booking, commit

    now = dt.datetime.now(dt.timezone.utc)
    for number in range(count):
        task = make_task("idleex", now, start=f"PT{APART * number}S")
        commit(Booking(None, task.replanned(now), ()), now)


def make_task(test: str, now: dt.datetime, repeat: str = REPEAT, start: str = "PT0S") -> Any:
    from chalicelib.service.peers.peer_client import Deadline
    from chalicelib.service.tasks import create
    from chalicelib.settings import settings

    document = {
        "schema": 1,
        "test": {"type": test, "spec": {"duration": "PT1S"}},
        "schedule": {"start": start, "repeat": repeat, "slip": "PT5M"},
    }
    hints = {"requester": "127.0.0.1", "server": "127.0.0.1"}
    return create.prepare(settings().node, document, hints, now, Deadline(1.0))


def _placed() -> int:
    from chalicelib.settings import settings
    from chalicelib.store import task_table

    known = [task.uuid for task in task_table.every(settings().node)]
    found = [
        task_table.get_many(settings().node, known[first : first + 100])
        for first in range(0, len(known), 100)
    ]
    return sum(task.progress.runs for some in found for task in some.values())


def run_costs() -> list[dict[str, Any]]:
    """DynamoDB calls and units a placed run costs, by class; all of a task's day is placed."""
    _use(f"bench-{uuid.uuid4().hex[:8]}")
    return [_cost("exclusive", "idleex", "PT30M"), _cost("background", "idle", "PT1M")]


def _cost(name: str, test: str, repeat: str) -> dict[str, Any]:
    from chalicelib.service.coordination import shard_planner
    from chalicelib.settings import settings
    from chalicelib.store import task_table
    from chalicelib.store.transactions.booking import Booking, commit

    now = dt.datetime.now(dt.timezone.utc)
    task = make_task(test, now, repeat).replanned(now)
    commit(Booking(None, task, ()), now)
    with capacity_units.counted() as cost:
        shard_planner.plan_task(settings().node, task.uuid, now)
    runs = task_table.get(settings().node, task.uuid).progress.runs
    return {"class": name, "runs": runs, "calls a run": cost.calls / runs, "units a run": cost.units / runs}
