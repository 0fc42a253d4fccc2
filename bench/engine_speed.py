"""What the embedded engine does a second, through the product's own models and clients.

The disk decides how fast anything is written, and differs from minute to minute: what SQLite alone
commits on it is measured as well.
"""

import contextlib
import datetime as dt
import pathlib
import resource
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from local import environment

SECONDS = 3.0
"""How long each figure is measured."""
IDLE_SECONDS = 5.0
_NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.timezone.utc)

_ALONE = "SQLite alone, five rows a commit"

Work = Callable[[int], object]


def engine() -> list[dict[str, Any]]:
    """Rows of what is done, how often a second, and what was asked of it.

    FULL waits for the disk at every commit, NORMAL does not: the difference is the disk's.
    """
    environment.set_environment()
    from local.engine import Engine

    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for synchronous in ("FULL", "NORMAL"):
            path = pathlib.Path(folder) / synchronous
            with Engine(path / "state.sqlite", synchronous):
                environment.create_everything()
                for what, goal, work in _works():
                    row = rows.setdefault(what, {"what": what, "goal": goal})
                    row[synchronous] = _rate(work)
            row = rows.setdefault(_ALONE, {"what": _ALONE, "goal": None})
            row[synchronous] = _commits(path / "raw.sqlite", synchronous)
        with Engine(pathlib.Path(folder) / "idle.sqlite"):
            environment.create_everything()
            rows["idle"] = _idle()
    return list(rows.values())


def _rate(work: Work) -> float:
    work(0)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        count += 1
        work(count)
    return count / (time.perf_counter() - began)


def _commits(path: pathlib.Path, synchronous: str) -> float:
    """Commits a second of five small rows each, by SQLite without anything of ours."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as link:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute(f"PRAGMA synchronous={synchronous}")
        link.execute("CREATE TABLE IF NOT EXISTS rows(a TEXT PRIMARY KEY, b TEXT)")
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS / 3:
            link.execute("BEGIN IMMEDIATE")
            for _ in range(5):
                link.execute("INSERT INTO rows VALUES(?, ?)", (str(uuid.uuid4()), "x" * 200))
            link.execute("COMMIT")
            count += 1
        return count / (time.perf_counter() - began)


def _works() -> Iterator[tuple[str, int | None, Work]]:
    """Names, goals a second with FULL, and works."""
    from pynamodb.transactions import TransactWrite

    from chalicelib.infrastructure import queues
    from chalicelib.infrastructure.aws import client
    from chalicelib.store.models.connection import connection
    from chalicelib.store.models.node_models import NodeItem
    from chalicelib.store.models.timeline_models import TimelineItem

    NodeItem("one", value={"a": 1}).save()
    for number in range(5):
        TimelineItem("day", f"{number}", **_taken()).save()
    yield "get an item", 1500, lambda _: NodeItem.get("one", consistent_read=True)
    yield "query five items", 1500, lambda _: list(TimelineItem.query("day", consistent_read=True))
    yield "put an item", None, lambda number: NodeItem(f"put-{number}", value={"a": 1}).save()

    def transaction(number: int) -> None:
        with TransactWrite(connection=connection()) as writing:
            for _ in range(4):
                new = TimelineItem(f"day-{number % 50}", str(uuid.uuid4()), **_taken())
                writing.save(new, condition=TimelineItem.bucket.does_not_exist())
            writing.update(
                TimelineItem(f"guard-{number}", "guard"),
                [TimelineItem.exclusives.add(1)],
                condition=TimelineItem.exclusives.does_not_exist(),
            )

    yield "five-item transaction", 700, transaction
    url, sqs = queues.queue_url("plan"), client("sqs")

    def message(number: int) -> None:
        sqs.send_message(QueueUrl=url, MessageBody='{"task": "x"}')
        taken = sqs.receive_message(QueueUrl=url)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=taken["ReceiptHandle"])

    yield "send, receive, delete", 1000, message


def _taken() -> dict[str, Any]:
    return {"start": _NOW, "end": _NOW, "exclusive": True, "task": "t" * 36, "run": "r" * 36, "expires": 1}


def _idle() -> dict[str, Any]:
    """Percent of a core that four long polls take while nothing comes."""
    import threading

    from chalicelib.infrastructure import queues
    from chalicelib.infrastructure.aws import client

    def poll(name: str) -> None:
        until = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < until:
            client("sqs").receive_message(QueueUrl=queues.queue_url(name), WaitTimeSeconds=1)

    threads = [threading.Thread(target=poll, args=(queue.name,)) for queue in queues.QUEUES]
    began, used = time.monotonic(), _cpu()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = 100 * (_cpu() - used) / (time.monotonic() - began)
    return {"what": "four idle long polls, % of a core", "goal": 1, "FULL": share}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
