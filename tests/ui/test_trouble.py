"""What went wrong is said where people look, however long its name is."""

import datetime as dt
import json
import urllib.parse
from typing import Any

import pytest
from playwright.sync_api import expect

from chalicelib.domain.times import UTC
from tests.acceptance.nodes import Node
from tests.ui import week
from tests.ui.looking import DESKTOP, PHONE, Looker, is_too_wide

pytestmark = pytest.mark.slow
NOWHERE = f"http://127.0.0.1:9/{'long' * 40}"
LABEL = "label" * 40
REFUSED = f"{NOWHERE} could not be fetched: Connection refused"
HELD = 2880
"""Runs of a task that begins one a minute: as many as are kept."""


@pytest.fixture(scope="module")
def failed(node: Node) -> str:
    """The path of a run that failed as tools fail: without a merged result."""
    test = {"type": "http", "spec": {"url": NOWHERE}}
    document = {"schema": 1, "test": test, "schedule": {}, "reference": {"label": LABEL}}
    status, href = node.ask("POST", "/tasks", document)
    assert status == 200, href
    task = href.removeprefix(node.base)
    run = node.ask("GET", f"{task}/runs/first?wait=25&wait-merged=true")[1]
    assert (run["state"], run["result-merged"]) == ("failed", None)
    return str(run["href"].removeprefix(node.base))


def test_a_run_that_failed_says_why(look: Looker, failed: str) -> None:
    page = look.at("run", of=failed)

    assert page.inner_text("#result ~ .error") == f"The measurement failed: {REFUSED}"


def test_the_overview_says_why_a_run_failed(look: Looker, failed: str) -> None:
    page = look.at("overview")

    row = page.locator(f'main tr:has(a[href="{_link("run", of=failed)}"])').last

    assert row.locator(".why").inner_text() == REFUSED
    assert row.locator(".state").inner_text() == "failed"


def test_a_task_says_why_its_runs_failed(look: Looker, failed: str) -> None:
    page = look.at("tasks", of=failed.split("/")[2])

    assert page.locator("tbody tr td").last.inner_text() == REFUSED


def test_what_failed_is_found_among_the_paths_and_leads_to_its_run(look: Looker, failed: str) -> None:
    page = look.at("path")
    page.get_by_role("searchbox").fill("http failed")

    page.locator("main tbody a", has_text="failed").last.click()

    expect(page.locator(".error")).to_have_text(f"The measurement failed: {REFUSED}")


@pytest.mark.parametrize(("view", "args"), [("overview", {}), ("tasks", {"test": "http"}), ("path", {})])
def test_a_long_name_leaves_the_other_columns_in_sight(
    look: Looker, failed: str, view: str, args: dict[str, Any]
) -> None:
    page = look.at(view, DESKTOP, **args)

    assert NOWHERE in page.inner_text("main") or LABEL in page.inner_text("main")
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every((it) => it.scrollWidth <= it.clientWidth)"
    )


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_long_label_leaves_the_grid_on_the_screen(look: Looker, failed: str, size: tuple[int, int]) -> None:
    page = look.at("grid", size, test="http")

    assert LABEL in page.get_by_label("Label").inner_text()
    assert page.locator("caption").inner_text() == "http: from the rows to the columns"
    assert page.get_by_label("Metric").count() == 0
    assert not is_too_wide(page)


SECOND, MINUTE, DAY = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(days=1)


def every(step: dt.timedelta, count: int, last: dt.timedelta) -> list[dt.timedelta]:
    """So many starts, as seen from now, up to the last."""
    return [last - step * (count - 1 - each) for each in range(count)]


@pytest.mark.parametrize(
    ("starts", "shown"),
    [
        pytest.param(every(MINUTE, HELD + 1440, MINUTE * 1439), 10, id="goes on"),
        pytest.param(every(MINUTE, HELD, DAY * -3), 0, id="is over"),
        pytest.param(every(MINUTE, HELD, DAY * -9) + every(DAY / 10, 90, -MINUTE), 0, id="more seldom now"),
        pytest.param(
            every(DAY / 10, 150, DAY * -1) + every(SECOND, HELD, SECOND * 9), 9, id="more often now"
        ),
    ],
)
def test_of_a_task_with_many_runs_the_latest_and_the_next_are_shown(
    look: Looker, failed: str, starts: list[dt.timedelta], shown: int
) -> None:
    now = dt.datetime.now(UTC).replace(microsecond=0) + MINUTE  # the page's clock goes on a little
    example = look.node.ask("GET", failed)[1]
    instants = [now + each for each in starts]
    page = look.at("tasks")

    def answer(route: Any) -> None:
        args = urllib.parse.parse_qs(urllib.parse.urlparse(route.request.url).query)
        since = args.get("start", [instants[0].isoformat()])[0].replace("Z", "+00:00")
        found = [each for each in instants if each >= dt.datetime.fromisoformat(since)]
        runs = [
            example | {"start-time": each.isoformat(), "state": _state(each, now)}
            for each in found[: int(args["limit"][0])]
        ]
        route.fulfill(body=json.dumps(runs), content_type="application/json")

    page.route("**/runs?*", answer)
    try:
        page.evaluate("(at) => { Date.now = () => at; }", now.timestamp() * 1000)
        page.evaluate(f"location.hash = '{_link('tasks', of=failed.split('/')[2])}'")
        page.wait_for_selector("caption:text('Runs, the latest first')")
        tables = page.locator("main table")
        states = [state for each in tables.all() for state in each.locator(".state").all_inner_texts()]
        newest = tables.first.locator("tbody a").first.inner_text()
    finally:
        page.unroute("**/runs?*")
        page.reload()  # which has a clock of its own again

    latest = max(each for each in instants if each <= now)
    assert states == ["finished"] * states.count("finished") + ["pending"] * shown
    assert 25 <= states.count("finished") <= 50
    assert newest == page.evaluate(
        "(at) => new Date(at).toLocaleString([], { dateStyle: 'short', timeStyle: 'medium' })",
        latest.isoformat(),
    )


def _state(start: dt.datetime, now: dt.datetime) -> str:
    return "finished" if start <= now else "pending"


def _link(view: str, **args: str) -> str:
    return f"#/{view}?{urllib.parse.urlencode(args)}"


def test_since_when_an_alert_is_goes_on_while_nothing_happens(look: Looker) -> None:
    page = look.at("alerts", own_clock=True)
    since = page.locator("main tbody .when").first
    before = since.inner_text()

    page.clock.fast_forward("24:00:00")

    expect(since).not_to_have_text(before)


def test_an_address_without_a_run_says_so(look: Looker) -> None:
    page = look.at("run")

    assert page.inner_text("main .empty") == "The address names no run. The latest runs."


def test_what_is_printed_is_dark_on_light_and_whole(look: Looker) -> None:
    page = look.at("path", scheme="dark", source=week.PLAIN[0], destination=week.PLAIN[1])
    page.get_by_label("Colours").select_option("dark")
    page.wait_for_selector("[data-theme=dark]")

    page.emulate_media(media="print")
    colours = page.evaluate(
        "(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))"
    )
    is_there = page.is_visible("nav")
    page.emulate_media(media="screen")

    assert colours == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert not is_there


@pytest.mark.parametrize("view", ["overview", "alerts", "tasks"])
def test_a_node_that_does_not_answer_is_said_to_be_silent(look: Looker, view: str) -> None:
    page = look.at(view)
    page.route("**/pscheduler/**", lambda route: route.abort())
    try:
        page.evaluate("location.hash = '#/path'")
        page.evaluate(f"location.hash = '#/{view}'")
        expect(page.locator("main .error").first).to_have_text(
            "The node does not answer: what is shown is out of date"
        )
    finally:
        page.unroute("**/pscheduler/**")
    look.complaints = [each for each in look.complaints if "ERR_FAILED" not in each]  # the browser's own
