"""The node on the embedded engine, and the same node on MiniStack, in one run.

Compare the columns; machines differ, and the same one from hour to hour.
"""

import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

from bench import planner_speed, state
from bench.benched_node import Served, free_port, start
from bench.load import Call, load

ENGINES = ("sqlite", "ministack")
MOST_TASKS = {"sqlite": 500, "ministack": 30}
"""To plan: storing one takes MiniStack a tenth of a second."""
SETTLE, IDLE = 8.0, 15.0
"""Seconds a node is given to come to rest, and for which it is then watched."""


def engines(tasks: int, call: Call, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of what is measured, with a column for each engine."""
    rows: dict[str, dict[str, Any]] = {}
    for engine in ENGINES:
        some = min(tasks, MOST_TASKS[engine])
        say(f"Planning {some} repeating tasks on {engine} ...")
        with state.fresh(engine):
            found = {
                f"exclusive runs placed/s, {row['planners']} planners": row["runs/s"]
                for row in planner_speed.planning(some)
            }
        say(f"A node on {engine} ...")
        found |= _served(engine, call)
        for what, value in found.items():
            rows.setdefault(what, {"what": what})[engine] = value
    return list(rows.values())


def _served(engine: str, call: Call) -> dict[str, float]:
    with start("127.0.0.1", free_port(), {}, engine) as served:
        time.sleep(SETTLE)
        idle = {"resident MB, idle": _resident(served), "CPU of an idle node, % of a core": _busy(served)}
        loads = {f"{call.name}, {count} connections": load(served.base, call, count) for count in (1, 4)}
    figures = {f"{name}, p50 ms": one.p50 for name, one in loads.items()}
    figures |= {f"{name}, requests/s": one.rate for name, one in loads.items()}
    return {"start warm, s": _warm(engine), **idle, **figures}


def _warm(engine: str) -> float:
    """Seconds to serving on a state that was there before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with start("127.0.0.1", free_port(), {}, engine, pathlib.Path(folder)):
            pass
        with start("127.0.0.1", free_port(), {}, engine, pathlib.Path(folder)) as served:
            return served.began


def _resident(served: Served) -> float:
    """MB, of what several processes share each its part."""
    total = 0
    for pid in served.processes():
        lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _busy(served: Served) -> float:
    before = served.used()
    time.sleep(IDLE)
    return 100 * (served.used() - before) / IDLE
