"""What lists, searches and single reads take in this process, and cost in DynamoDB's units, by tasks stored.

What is stored are the items that a posted task comes to, in batches, on the embedded engine; the pages are
asked through the app with API Gateway's events, without a socket.
"""

import dataclasses
import datetime as dt
import functools
import gc
import json
import os
import pathlib
import statistics
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from bench.bulk_store import storing
from bench.capacity_units import counted
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import UTC
from chalicelib.store.models.base import Table
from local import environment, gateway
from local.engine import Engine
from local.routes import STAGE, Routes

FEW = 100
GROUPS = 100
"""A search for one of them finds a hundredth of the tasks."""
SAID = 10_000
SECONDS = 2.0
"""How long a page is asked again and again, at most."""
TIMES = 200
"""How often it is asked, at most."""
NODE = NodeName("local")
SPAN = dt.timedelta(hours=1)
GAP = dt.timedelta(minutes=30)
"""Between the runs of the past and those to come, so that no run's time comes while this measures."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A page, what it is called, and the milliseconds it is to take with 10,000 tasks stored."""

    name: str
    goal: float | None
    path: str


def lists(sizes: Sequence[int], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of pages: for each number of tasks stored the milliseconds (median; of the clock, and of the
    processor, which is what to go by on a busy machine) and the units."""
    environment.set_environment()
    os.environ["PSCHEDULER_LIMITS"] = "open"
    from chalicelib.service.node import posting_backfill

    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            now = dt.datetime.now(UTC).replace(microsecond=0)
            with Engine(pathlib.Path(folder) / f"{size}.sqlite", synchronous="OFF") as engine:
                environment.create_everything()
                posting_backfill.forget()
                while not posting_backfill.is_complete(
                    NODE
                ):  # of no tasks yet: all that come have their postings
                    pass
                some = fill(engine, size, now, say)
                for asked in _pages(some, now, size):
                    found = measured(asked.path)
                    say(f"{asked.name}: {', '.join(f'{value:.1f} {name}' for name, value in found.items())}")
                    row = rows.setdefault(asked.name, {"page": asked.name, "goal ms": asked.goal})
                    row |= {f"{name} at {size}": value for name, value in found.items()}
    return list(rows.values())


def _pages(some: Task, now: dt.datetime, size: int) -> list[Asked]:
    """What is asked of so many tasks, one of which is ``some``."""
    held = {"one in 100": {"reference": {"group": "g7"}}, "one": {"reference": {"serial": size // 2}}}
    begin, end = now - SPAN / 2, now + SPAN / 2 + GAP
    hour = urllib.parse.urlencode({"start": begin.isoformat(), "end": end.isoformat()})
    searches = [
        Asked(f"search, {what} matches", 10.0, f"/tasks?expanded&json={urllib.parse.quote(json.dumps(one))}")
        for what, one in held.items()
    ]
    return [
        *searches,
        Asked("search, one with detail", 10.0, searches[1].path + "&detail"),
        Asked("all tasks, hrefs", None, "/tasks"),
        Asked("all tasks expanded", 400.0, "/tasks?expanded"),
        Asked("100 tasks expanded", None, "/tasks?expanded&limit=100"),
        Asked("/monitor?window=20", 5.0, "/monitor?window=20"),
        Asked("/schedule of the hour", 700.0, f"/schedule?{hour}"),
        Asked("/schedule, 100 of it", 50.0, f"/schedule?{hour}&limit=100"),
        Asked("/status", 1.5, "/status"),
        Asked("/stat/runs/finished", None, "/stat/runs/finished"),
        Asked("GET task", 0.8, f"/tasks/{some.uuid}"),
        Asked("GET runtimes", 0.8, f"/tasks/{some.uuid}/runtimes"),
    ]


def fill(engine: Engine, size: int, now: dt.datetime, say: Callable[[str], None]) -> Task:
    """Store so many tasks, each with a run, half of them over. Gives the task in the middle."""
    middle = None
    with storing(engine) as batch:
        for number in range(size):
            task, run = task_and_run(number, size, now)
            for item in items_of(task, run, now):
                batch.put(item)
            if number == size // 2:
                middle = task
            if number % SAID == 0:
                say(f"Storing tasks and their runs: {number} of {size} ...")
    assert middle is not None
    return middle


def task_and_run(number: int, size: int, now: dt.datetime) -> tuple[Task, Run]:
    """One of so many tasks, and its run, in the hour around ``now``."""
    start = now - SPAN / 2 + SPAN * number / size + (GAP if 2 * number > size else dt.timedelta(0))
    task = one_task(number, now - dt.timedelta(days=1) + dt.timedelta(milliseconds=number), start)
    return task, _run(task, start, now)


def items_of(task: Task, run: Run, now: dt.datetime) -> list[Table]:
    """What the transaction that stores a new task and its first run leaves."""
    from chalicelib.store import postings, run_items, task_items

    return [task_items.to_item(task, now), run_items.to_item(run), *postings.of_task(task)]


def one_task(number: int, added: dt.datetime, start: dt.datetime) -> Task:
    """Such as a pSConfig agent posts."""
    host = f"host-{number % 50}.example.net"
    document = {
        "schema": 1,
        "test": {
            "type": "rtt",
            "spec": {"schema": 1, "source": "node.example", "dest": host, "count": 10},
        },
        "tool": "ping",
        "schedule": {"repeat": "PT1H", "sliprand": True, "slip": "PT5M"},
        "archives": [
            {
                "archiver": "http",
                "data": {"schema": 2, "_url": "https://archive.example.net/logstash", "op": "put"},
                "ttl": "PT5M",
            }
        ],
        "reference": {
            "serial": number,
            "group": f"g{number % GROUPS}",
            "psconfig": {"created-by": {"uuid": str(uuid.UUID(int=1)), "user-agent": "psconfig-agent"}},
            "display-task-name": f"Round trips to {host}",
        },
    }
    schedule = Schedule(repeat=dt.timedelta(hours=1), slip=dt.timedelta(minutes=5), sliprand=True)
    return Task(
        node=NODE,
        uuid=TaskId(str(uuid.uuid4())),
        document=document,
        schedule=schedule,
        participants=("node.example.net",),
        duration=dt.timedelta(seconds=12),
        scheduling_class="background",
        added=added,
        hints={"requester": "127.0.0.1", "server": "127.0.0.1"},
        cli=("--dest", host, "--count", "10"),
        diags="Chose ping from ping, twping",
        progress=Progress(1, start, start),
        plan_at=start + dt.timedelta(days=1),
    )


def _run(task: Task, start: dt.datetime, now: dt.datetime) -> Run:
    end = start + task.duration
    state = State.FINISHED if end < now else State.RUNNING if start < now else State.PENDING
    return Run(task.node, task.uuid, RunId(str(uuid.uuid4())), start, end, state, task.added)


def measured(path: str) -> dict[str, float]:
    """The milliseconds that a page takes (median; of the clock, and of the processor), its units and size."""
    status, size = _ask(path)
    if status != 200:
        return dict.fromkeys(("ms", "CPU ms", "units", "KB"), float("nan"))
    with counted() as cost:
        _ask(path)
    times: list[float] = []
    work: list[float] = []
    gc.collect()
    until = time.perf_counter() + SECONDS
    while len(times) < TIMES and (len(times) < 3 or time.perf_counter() < until):
        began, worked = time.perf_counter(), time.process_time()
        _ask(path)
        times.append((time.perf_counter() - began) * 1000)
        work.append((time.process_time() - worked) * 1000)
    both = {"ms": statistics.median(times), "CPU ms": statistics.median(work)}
    return {**both, "units": cost.units, "KB": size / 1024}


@functools.cache
def _routes() -> Routes:
    """Made once, as a front does."""
    from app import app

    return Routes(app.routes)


def _ask(path: str) -> tuple[int, int]:
    """The status of an answer, and its bytes as they would leave."""
    from app import app
    from local.http_server import safe_for_threads

    request = gateway.Request(
        method="GET",
        target=f"/{STAGE}{path}",
        headers={"Host": "node.example.net", "Accept-Encoding": "gzip"},
        body=b"",
        client="127.0.0.1",
        server="127.0.0.1",
        port=443,
        scheme="https",
    )
    event = gateway.event(request, _routes())
    answer = gateway.response(safe_for_threads(app)(event, gateway.Context("api", 29.0)))
    pieces = (answer.body,) if isinstance(answer.body, bytes) else answer.body
    return answer.status, sum(map(len, pieces))
