"""How large the file of a one-machine node grows, and shrinks: what a day of 200 runs a minute comes to.

Runs are placed by the planner and carried through their states by the store, with the result of an rtt each;
days later they have expired, and go.
"""

import datetime as dt
import pathlib
import time
from typing import Any

from bench.planner_speed import make_task
from local import engine_sqlite, environment
from local.engine import Engine

TASKS = 150
"""Each with the runs that are placed at once, most of a hundred."""
LATER = 5 * 86400.0
"""Seconds after which nothing of them is kept."""
DAY = 200 * 24 * 60
"""Runs of a day."""
_TRIP = {"seq": 1, "length": 64, "ip": "127.0.0.1", "ttl": 64, "rtt": "PT0.000064S"}
RESULT = {
    "schema": 1,
    "succeeded": True,
    "sent": 5,
    "received": 5,
    "loss": 0.0,
    "min": "PT0.000015S",
    "max": "PT0.000064S",
    "mean": "PT0.000036S",
    "stddev": "PT0.00002S",
    "roundtrips": [_TRIP] * 5,
}


def history_size(folder: pathlib.Path, tasks: int = TASKS) -> list[dict[str, Any]]:
    """Megabytes of the file with a history, after it was forgotten, and with as much again; and what the runs
    of a day come to."""
    environment.set_environment()
    with engine_sqlite.opened(folder, synchronous="OFF") as engine:
        environment.create_everything()
        engine_sqlite.tidy()
        empty = _size(engine)
        began = time.monotonic()
        runs = _live(tasks)
        lived = time.monotonic() - began
        full = _size(engine)
        began = time.monotonic()
        _forget(engine)
        forgotten = time.monotonic() - began
        left = _size(engine)
        again = _live(tasks)
        refilled = _size(engine)
    return [
        {
            "runs": runs,
            "MB": full / 1e6,
            "bytes a run": (full - empty) / runs,
            "MB of a day, reckoned": (full - empty) / runs * DAY / 1e6,
            "MB after purging": left / 1e6,
            "runs again": again,
            "MB with them": refilled / 1e6,
            "runs lived/s": runs / lived,
            "runs purged/s": runs / forgotten,
        }
    ]


def _live(tasks: int) -> int:
    from chalicelib.domain.run_states import State
    from chalicelib.service.coordination import shard_planner
    from chalicelib.store import run_table
    from chalicelib.store.transactions.booking import Booking, New, commit

    now, runs = dt.datetime.now(dt.timezone.utc), 0
    for _ in range(tasks):
        task = make_task("idle", now, "PT1M").replanned(now)
        commit(Booking(None, task, (), new=New()), now)
        shard_planner.plan_task(task.node, task.uuid, now)
        for run in run_table.in_order(task.node, task.uuid):
            running = run_table.change(run.evolve(state=State.RUNNING))
            measured = running.with_documents(result=RESULT, result_full=[RESULT], result_merged=RESULT)
            run_table.change(measured.evolve(state=State.FINISHED))
            runs += 1
    return runs


def _forget(engine: Engine) -> None:
    """Have days pass, and what has expired go as it does behind writes: some hundreds at a time."""
    later = time.time() + LATER
    engine.clock = lambda: later
    while engine.swept != later:  # it is less where a sweep left something for the next second
        engine.swept = 0.0
        engine.sweep()
    while engine.database.shrink():
        pass
    engine.clock = time.time


def _size(engine: Engine) -> int:
    """The bytes of the file, its log being written into it."""
    with engine.database.reading() as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return engine.database.path.stat().st_size
