"""Twenty thousand tasks read page by page, while others are added and deleted."""

import concurrent.futures
import datetime as dt
import json
import re
import statistics
import threading
import time
import urllib.request
import uuid
from typing import Any

from bench.soak.quiet_node import serving

LIMIT = 100


def paging(count: int = 20_000) -> dict[str, Any]:
    """Read them all; figures, with ``passed``: each task that stayed was seen exactly once."""
    with serving() as base:
        stored = _store(count)
        staying, going = set(stored), stored[50::97]
        staying.difference_update(going)
        stop = threading.Event()
        unrest = threading.Thread(target=_unrest, args=(going, stop), daemon=True)
        unrest.start()
        seen, costs = _read(f"{base}/tasks?limit={LIMIT}")
        stop.set()
        unrest.join()
    idempotency_record = len(seen) == len(set(seen)) and staying <= set(seen)
    tenth = len(costs) // 10
    first, last = (statistics.median(part) * 1000 for part in (costs[:tenth], costs[-tenth:]))
    return {
        "tasks": count,
        "pages": len(costs),
        "deleted": len(going),
        "seen twice": len(seen) - len(set(seen)),
        "missed": len(staying - set(seen)),
        "first pages ms": round(first, 1),
        "last pages ms": round(last, 1),
        "passed": idempotency_record and last < 3 * first + 5,
    }


def _task(added: dt.datetime) -> Any:
    from chalicelib.domain.names import TaskId
    from chalicelib.domain.repeat import Schedule
    from chalicelib.domain.task import Task
    from chalicelib.settings import settings

    document = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "tool": "snooze"}
    return Task(
        node=settings().node,
        uuid=TaskId(str(uuid.uuid4())),
        document={**document, "schedule": {}},
        schedule=Schedule(max_runs=1),
        participants=("here",),
        duration=dt.timedelta(seconds=2),
        scheduling_class="background",
        added=added,
    )


def _store(count: int) -> list[str]:
    """Store tasks, oldest first, a few in the same instant; their uuids in the order of the list."""
    from chalicelib.domain.times import UTC
    from chalicelib.store.transactions.booking import Booking, commit

    begin = dt.datetime.now(UTC) - dt.timedelta(hours=1)
    made = [_task(begin + dt.timedelta(milliseconds=100 * (number // 3))) for number in range(count)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda task: commit(Booking(None, task, ()), begin), made))
    return [task.uuid for task in sorted(made, key=lambda task: (task.added, task.uuid))]


def _unrest(going: list[str], stop: threading.Event) -> None:
    """Delete tasks all over the list, and add others all over it."""
    from chalicelib.domain.names import TaskId
    from chalicelib.domain.times import UTC
    from chalicelib.settings import settings
    from chalicelib.store import task_table
    from chalicelib.store.transactions.booking import Booking, commit

    for number, gone in enumerate(going):
        if stop.is_set():
            return
        task_table.reference_to(settings().node, TaskId(gone)).delete()
        late = _task(dt.datetime.now(UTC) - dt.timedelta(seconds=15 * number))
        commit(Booking(None, late, ()), late.added)


def _read(first: str) -> tuple[list[str], list[float]]:
    """Every href of the list, and the seconds each page took."""
    seen: list[str] = []
    costs: list[float] = []
    here: str | None = first
    while here is not None:
        begin = time.perf_counter()
        with urllib.request.urlopen(here, timeout=60) as answer:
            seen += [href.rsplit("/", 1)[-1] for href in json.load(answer)]
            link = re.match("<([^>]+)>", answer.headers.get("Link", ""))
        costs.append(time.perf_counter() - begin)
        here = link.group(1) if link else None
    return seen, costs
