"""How soon the page at /ui/ shows something, and all it has, at a node with many tasks and runs.

It needs Debian's chromium; each look is by a browser that has nothing kept, on this machine.
"""

import datetime as dt
import pathlib
import shutil
import statistics
import tempfile
import uuid
from collections.abc import Callable
from typing import Any

from bench.benched_node import free_port, start
from bench.bulk_store import storing
from bench.lists import one_task
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC
from local import engine_sqlite, environment

VIEWS = {
    "overview": "overview",
    "tasks": "tasks",
    "paths": "path",
    "grid": "grid",
    "alerts": "alerts",
    "measure now": "measure",
    "schedule of an hour": "schedule?span=3600",
    "schedule of six hours": "schedule?span=21600",
}
LOOKS = 5
RUNS_A_TASK = 10
PAST, LATER = dt.timedelta(hours=20), dt.timedelta(hours=3)
"""Over so long are the runs that are over; those to come come when this is done."""
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


def page(tasks: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of views: median milliseconds until the first picture, and until all that it asks for is there."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("needs the program chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        state = pathlib.Path(folder) / "node"
        say(f"Storing {tasks} tasks and {tasks * RUNS_A_TASK} runs ...")
        _fill(state, tasks)
        with start("127.0.0.1", free_port(), {}, kept=state) as node, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            rows = [_looked(browser, node.base, name, view, say) for name, view in VIEWS.items()]
            browser.close()
    return rows


def _looked(browser: Any, base: str, name: str, view: str, say: Callable[[str], None]) -> dict[str, Any]:
    say(name)
    painted, there, size = [], [], 0
    for _ in range(LOOKS):
        context = browser.new_context()
        found = context.new_page()
        found.set_default_timeout(120_000)
        found.goto(f"{base}/ui/#/{view}")
        found.wait_for_selector("main h2")
        found.wait_for_selector(".loading", state="detached")
        there.append(found.evaluate("performance.now()"))
        painted.append(found.evaluate(FIRST_PAINT))
        size = found.evaluate(
            "performance.getEntriesByType('resource').reduce((sum, each) => sum + each.transferSize, 0)"
        )
        context.close()
    return {
        "view": name,
        "first picture ms": statistics.median(painted),
        "all there ms": statistics.median(there),
        "KB": size / 1000,
    }


def _fill(state: pathlib.Path, count: int) -> None:
    from chalicelib.store import run_items, task_items

    environment.set_environment()
    now = dt.datetime.now(UTC).replace(microsecond=0)
    with engine_sqlite.opened(state, synchronous="OFF") as engine:
        environment.create_everything()
        with storing(engine) as batch:
            for number in range(count):
                task = one_task(number, now - PAST, now + dt.timedelta(days=1))
                batch.put(task_items.to_item(task, now))
                for which in range(RUNS_A_TASK):
                    share = (which + number / count) / RUNS_A_TASK
                    over = which < RUNS_A_TASK - 1
                    start_ = now - PAST + PAST * share if over else now + LATER + LATER * (number / count)
                    run = Run(
                        task.node,
                        task.uuid,
                        RunId(str(uuid.uuid4())),
                        start_,
                        start_ + task.duration,
                        State.FINISHED if over else State.PENDING,
                        task.added,
                    )
                    batch.put(run_items.to_item(run))
