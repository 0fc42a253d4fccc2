"""Processes whose threads all book exclusive and normal runs into one hour.

    python -m tests.engine.booking FILE [CONDITION]

``CONDITION`` is one that the booking transaction is to go without: guards or task. The processes are forked
from one that has imported what they need, and has not opened the file. Each says how many runs it placed, how
many were blocked and how many overtaken.
"""

import multiprocessing
import multiprocessing.synchronize
import random
import sys
import threading
from collections import Counter

from local import environment

PROCESSES = 4
THREADS = 16
ATTEMPTS = 3
LENGTH = 90
HOUR = 3600


def book(seed: int, outcomes: Counter[str]) -> None:
    from chalicelib.domain.errors import Blocked, Overtaken
    from chalicelib.service.scheduling.placement import place_at
    from chalicelib.store import task_table
    from tests.builders import NODE, NOON, at

    chooser = random.Random(seed)
    owners = [task.uuid for task in task_table.every(NODE)]
    for _ in range(ATTEMPTS):
        try:
            place_at(task_table.get(NODE, chooser.choice(owners)), at(chooser.randrange(HOUR - LENGTH)), NOON)
            outcomes["placed"] += 1
        except Blocked:
            outcomes["blocked"] += 1
        except Overtaken:
            outcomes["overtaken"] += 1


def leave_out(condition: str) -> None:
    from pynamodb.expressions.condition import Condition

    from chalicelib.store import task_table
    from chalicelib.store.models.task_models import TaskItem
    from chalicelib.store.models.timeline_models import TimelineItem
    from chalicelib.store.transactions import booking

    holds: dict[str, Condition] = {
        "guards": TimelineItem.start.does_not_exist(),
        "task": TaskItem.task.exists(),
    }
    if condition == "guards":
        booking._as_read = lambda *_: holds["guards"]  # type: ignore[assignment]
    else:
        task_table.unchanged = lambda _: holds["task"]  # type: ignore[assignment]


def book_in_threads(number: int, begin: multiprocessing.synchronize.Barrier) -> None:
    """What one process does, once all of them are there."""
    from local.engine import Engine

    Engine(sys.argv[1], synchronous="OFF").install()
    outcomes: Counter[str] = Counter()
    threads = [
        threading.Thread(target=book, args=(number * THREADS + each, outcomes)) for each in range(THREADS)
    ]
    begin.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(outcomes["placed"], outcomes["blocked"], outcomes["overtaken"], flush=True)


def main() -> None:
    environment.set_environment()
    from chalicelib.service.scheduling import placement  # noqa: F401 - for all of them
    from chalicelib.store.models.connection import connect

    connect()
    for condition in sys.argv[2:]:
        leave_out(condition)
    forking = multiprocessing.get_context("fork")
    begin = forking.Barrier(PROCESSES)
    processes = [forking.Process(target=book_in_threads, args=(number, begin)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
