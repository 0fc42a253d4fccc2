"""A process whose threads book exclusive and normal runs into the hour that others book into as well.

    python -m tests.engine.booking FILE SEED [CONDITION]

``CONDITION`` is one that the booking transaction is to go without: guards or task.
"""

import random
import sys
import threading
from collections import Counter

from local import environment

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
    from chalicelib.store.models import TaskItem, TimelineItem
    from chalicelib.store.transactions import booking

    holds: dict[str, Condition] = {
        "guards": TimelineItem.start.does_not_exist(),
        "task": TaskItem.task.exists(),
    }
    if condition == "guards":
        booking._as_read = lambda *_: holds["guards"]  # type: ignore[assignment]
    else:
        task_table.unchanged = lambda _: holds["task"]  # type: ignore[assignment]


def main() -> None:
    environment.set_environment()
    from local.engine import Engine

    Engine(sys.argv[1], synchronous="OFF").install()
    for condition in sys.argv[3:]:
        leave_out(condition)
    outcomes: Counter[str] = Counter()
    threads = [
        threading.Thread(target=book, args=(int(sys.argv[2]) * THREADS + number, outcomes))
        for number in range(THREADS)
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(outcomes["placed"], outcomes["blocked"], outcomes["overtaken"], flush=True)


if __name__ == "__main__":
    main()
