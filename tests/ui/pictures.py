"""Pictures of every view for the README: ``python -m tests.ui.pictures``, which takes a minute.

They are of the week that the tests look at, in docs/images.
"""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from playwright.sync_api import sync_playwright

from tests.acceptance.nodes import HERE, serving
from tests.ui import week
from tests.ui.looking import PHONE, Looker

IMAGES = HERE / "docs" / "images"
SIZE = (1180, 760)
DAY = 86400


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("needs the program chromium")
    IMAGES.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        state = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / "node"
        subprocess.run([sys.executable, "-m", "tests.ui.week", str(state)], cwd=HERE, check=True)
        node = stack.enter_context(serving(state, "--period", "2"))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(Looker(browser, node))


def take(look: Looker) -> None:
    """A picture of each view, one of them on a phone."""
    ends = {"source": week.OUTAGE[0], "destination": week.OUTAGE[1]}
    moved = {"source": week.REROUTED[0], "destination": week.REROUTED[1]}
    taken(look.at("overview", SIZE), "overview")
    taken(look.at("grid", SIZE, test="throughput", metric="throughput.bps"), "grid")
    taken(drawn(look.at("path", SIZE, **ends)), "path")
    route = drawn(look.at("path", SIZE, "dark", **moved))
    route.locator(".change").first.scroll_into_view_if_needed()
    taken(route, "route")
    taken(look.at("alerts", SIZE), "alerts")
    taken(look.at("alerts", SIZE, edit="rule", name="loss"), "rule")
    taken(look.at("run", SIZE, of=look.run_of("throughput", week.REROUTED)), "run")
    taken(look.at("tasks", SIZE), "tasks")
    taken(filled(look.at("measure", SIZE, test="rtt")), "measure")
    schedule = look.at("schedule", SIZE, span="3600", at=str(round(time.time() - 1800)))
    schedule.wait_for_selector(".lane rect")
    taken(schedule, "schedule")
    taken(drawn(look.at("path", PHONE, "dark", **ends)), "phone")


def drawn(page: Any) -> Any:
    page.wait_for_selector(".uplot canvas")
    return page


def filled(page: Any) -> Any:
    page.get_by_label("dest (required)").fill("ams.example.net")
    page.get_by_label("count").fill("5")
    page.get_by_label("count").press("Tab")
    page.wait_for_selector("code:has-text('--count 5')")
    page.wait_for_selector("p.hint", state="detached")
    return page


def taken(page: Any, name: str) -> None:
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    print(f"{path.relative_to(HERE)}: {path.stat().st_size // 1000} KB")


if __name__ == "__main__":
    main()
