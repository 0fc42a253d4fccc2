"""Each view shows what was planted in a week of a mesh, on a desktop and on a phone, and keeps nobody out."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui import week
from tests.ui.looking import DESKTOP, PHONE, Looker, barriers, is_too_wide

pytestmark = pytest.mark.slow
DAY = 86400
VIEWS = {
    "overview": ("overview", {}),
    "grid": ("grid", {"test": "latency", "metric": "delay.median"}),
    "paths": ("path", {}),
    "alerts": ("alerts", {"all": "1"}),
    "path": ("path", {"source": week.REROUTED[0], "destination": week.REROUTED[1]}),
    "path that is down": ("path", {"source": week.OUTAGE[0], "destination": week.OUTAGE[1]}),
    "tasks": ("tasks", {}),
    "measure": ("measure", {}),
    "schedule": ("schedule", {"span": "21600"}),
}
SEEN = [(DESKTOP, "light", "dark"), (PHONE, "dark", "light")]


def text(page: Any, selector: str = "main") -> str:
    return re.sub(r"\s+", " ", page.inner_text(selector))


def path(look: Looker, ends: tuple[str, str], **args: Any) -> Any:
    page = look.at("path", source=ends[0], destination=ends[1], **args)
    page.wait_for_selector(".uplot canvas")
    return page


def cell(look: Looker, ends: tuple[str, str], test: str, metric: str) -> Any:
    page = look.at("grid", test=test, metric=metric)
    return page.locator(f'td:has(a[title^="{ends[0]} → {ends[1]}"])')


@pytest.mark.parametrize(("size", "scheme", "other"), SEEN, ids=["desktop", "phone"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_fits_its_screen_and_keeps_nobody_out(
    look: Looker, name: str, size: tuple[int, int], scheme: str, other: str
) -> None:
    view, args = VIEWS[name]
    page = look.at(view, size, scheme, **args)

    assert not is_too_wide(page)
    assert barriers(page) == []
    page.emulate_media(color_scheme=other)
    assert barriers(page, "color-contrast") == []


@pytest.mark.parametrize(("size", "scheme", "other"), SEEN, ids=["desktop", "phone"])
@pytest.mark.parametrize("test", week.TOOLS)
def test_a_run_fits_its_screen_and_keeps_nobody_out(
    look: Looker, test: str, size: tuple[int, int], scheme: str, other: str
) -> None:
    page = look.at("run", size, scheme, of=look.run_of(test, week.REROUTED))

    assert not is_too_wide(page)
    assert barriers(page) == []


def test_the_overview_counts_runs_by_outcome_and_says_why_some_did_not_start(look: Looker) -> None:
    page = look.at("overview")

    tiles = dict(line.split() for line in page.locator(".tiles li").all_inner_texts())
    reasons = text(page, "table:has(caption:text('Grouped by reason')) tbody")

    assert int(tiles["finished"]) > 200
    assert int(tiles["failed"]) > 0
    assert tiles["nonstart"] == str(week.BLOCKED)
    assert "no-time 3 No time was free within its slip" in reasons


@pytest.mark.parametrize(
    ("ends", "test", "metric", "grade", "said"),
    [
        (week.PLAIN, "throughput", "throughput.bps", "good", "Gb/s"),
        (week.SLOW, "throughput", "throughput.bps", "bad", "Mb/s"),
        (week.OUTAGE, "throughput", "throughput.bps", "bad", "failed"),
        (week.OUTAGE, "rtt", "loss.ratio", "bad", "100 %"),
        (week.OUTAGE, "rtt", "rtt.mean", "bad", "all lost"),
        ((week.PLAIN[0], week.BAD_CLOCK), "latency", "delay.median", "unsure", "ms"),
    ],
)
def test_a_cell_of_the_grid_has_its_grade(
    look: Looker, ends: tuple[str, str], test: str, metric: str, grade: str, said: str
) -> None:
    found = cell(look, ends, test, metric)

    assert found.get_attribute("class") == grade
    assert said in found.inner_text()


def test_a_cell_of_the_grid_leads_to_its_path(look: Looker) -> None:
    found = cell(look, week.SLOW, "throughput", "throughput.bps")

    found.locator("a").click()
    found.page.wait_for_selector(".uplot canvas")

    assert text(found.page, "h2") == "ams.example.net → vie.example.net"


def test_a_path_has_its_tests_above_one_another_on_one_time_axis(look: Looker) -> None:
    page = path(look, week.PLAIN)

    order = [line.split()[0] for line in page.locator("section.series h3").all_inner_texts()]
    spans = {label.partition("between")[2] for label in _labels(page)}

    assert order == ["throughput", "latency", "rtt", "trace"]
    assert len(spans) == 1


def _labels(page: Any) -> list[str]:
    return [each.get_attribute("aria-label") for each in page.locator("figure.chart").all()]


@pytest.mark.parametrize("days", [1, 7])
def test_a_changed_route_is_shown_as_the_hops_that_went_and_came(look: Looker, days: int) -> None:
    now = time.time()
    page = path(look, week.REROUTED, start=str(round(now - days * DAY)), end=str(round(now)))
    page.wait_for_selector(".change")

    assert "Route changed" in text(page, ".change")
    assert page.locator(".change del").all_inner_texts() == [week.USUAL_HOP]
    assert page.locator(".change ins").all_inner_texts() == [week.OTHER_HOP, "198.51.100.9"]


def test_a_path_that_is_down_names_the_runs_without_a_result(look: Looker) -> None:
    page = path(look, week.OUTAGE)
    failures = page.locator('section[aria-label^="throughput"] details:has-text("without a result")')

    failures.locator("a").last.click()
    page.wait_for_selector(".error")

    assert "The measurement failed: The server could not be reached." in text(page)


def test_a_chart_has_a_mark_where_a_run_has_no_result(look: Looker) -> None:
    page = path(look, week.OUTAGE)
    chart = page.locator('section[aria-label^="throughput"] figure.chart').first
    marks = chart.locator(".mark")

    titles = [mark.get_attribute("title") for mark in marks.all()]
    marks.last.click()
    page.wait_for_selector(".error")

    assert len(titles) == week.DOWN_SINCE // week.HOUR
    assert all(title.startswith("failed, ") for title in titles)
    assert "The measurement failed: The server could not be reached." in text(page)


def test_marks_that_would_lie_on_one_another_are_one(look: Looker) -> None:
    now = time.time()
    page = path(look, week.OUTAGE, start=str(round(now - 30 * DAY)), end=str(round(now)))
    chart = page.locator('section[aria-label^="throughput"] figure.chart').first

    titles = [mark.get_attribute("title") for mark in chart.locator(".mark").all()]

    assert len(titles) <= 2  # of six hours each
    assert "failed" in titles[0] or "without a result" in titles[0]


def test_where_every_run_failed_there_is_a_chart_of_that(look: Looker) -> None:
    now = time.time()
    page = path(look, week.OUTAGE, start=str(round(now - 2.5 * 3600)), end=str(round(now)))
    chart = page.locator('section[aria-label^="throughput"] figure.chart')

    expect(chart).to_have_count(1)
    assert chart.locator(".mark").count() == 2
    assert chart.get_attribute("aria-label").startswith("no result: 2 values, 2 times none")


def test_numbers_in_the_grid_have_as_many_digits_as_one_another(look: Looker) -> None:
    page = look.at("grid", test="throughput", metric="throughput.bps")

    cells = [each for each in page.locator("table.grid td a").all_inner_texts() if each != "failed"]

    assert len(cells) > 50
    assert all(re.fullmatch(r"(\d\.\d\d|\d\d\.\d|\d\d\d) [GMk]b/s", each) for each in cells), cells


@pytest.mark.parametrize("width", [390, 320])
def test_the_menu_of_a_phone_is_there_without_moving_it_sideways(look: Looker, width: int) -> None:
    page = look.at("alerts", (width, 700))

    boxes = [link.bounding_box() for link in page.locator("nav a").all()]

    assert len(boxes) == 8
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


@pytest.mark.parametrize("days", [1, 7])
def test_delays_by_a_bad_clock_are_said_to_be_unreliable(look: Looker, days: int) -> None:
    now = time.time()
    ends = (week.PLAIN[0], week.BAD_CLOCK)
    page = path(look, ends, start=str(round(now - days * DAY)), end=str(round(now)))
    page.wait_for_selector(".warning")

    assert "Not reliable, for the clocks are off" in text(page, ".warning")


@pytest.mark.parametrize(
    ("test", "picture"),
    [
        ("rtt", "figure.bars rect"),
        ("latency", "figure.bars rect"),
        ("throughput", "figure.bars rect"),
        ("trace", ".route li"),
    ],
)
def test_a_run_shows_its_result_as_a_picture_and_as_text(look: Looker, test: str, picture: str) -> None:
    page = look.at("run", of=look.run_of(test, week.REROUTED))

    assert page.locator(picture).count() >= 5
    assert len(text(page, "pre.result")) > 50
    assert f"{test} with {week.TOOLS[test]}, fra.example.net" in text(page)


def alerts(page: Any) -> dict[str, list[str]]:
    """The alerts by rule: the states and paths."""
    page.wait_for_selector("main table tbody tr")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("main table tbody tr").all()]
    found: dict[str, list[str]] = {}
    for state, where, _, _, rule, *_ in rows:
        found.setdefault(rule, []).append(f"{state} {where}")
    return {rule: sorted(each) for rule, each in found.items()}


def test_the_alerts_are_of_what_was_planted_and_nothing_else(look: Looker) -> None:
    down, slow = (" → ".join(ends) for ends in (week.OUTAGE, week.SLOW))

    found = alerts(look.at("alerts"))

    assert found["loss"] == [f"critical rtt {down} Mesh of eight"]
    assert found["slow"] == [
        f"critical throughput {down} Mesh of eight",
        f"warning throughput {slow} Mesh of eight",
    ]


def test_each_was_told_once(look: Looker) -> None:
    told = look.node.ask("GET", "/archivings?state=archived&archiver=bitbucket")[1]
    ids = [each["alert-href"] for each in told]

    assert len(ids) == len(set(ids)) == 3


def test_an_alert_is_counted_in_the_overview_and_shown_on_its_path(look: Looker) -> None:
    counted = look.at("overview").locator(".signs div.bad:has-text('Alerts') dd").inner_text()
    said = text(path(look, week.OUTAGE), "div[role=status]")

    assert counted == "2 critical, 1 warning"
    assert "critical rtt: loss.ratio is 1, above 0.05" in said
    assert "critical throughput: the last result has no throughput.bps" in said


def test_the_overview_says_which_agents_are_not_heard_of(look: Looker) -> None:
    put = look.node.ask("PUT", "/nodes/zrh.example.net", {"tools-at": "agent"})
    assert put[0] == 200, put
    page = look.at("overview")

    said = text(page, "table:has(caption:text('Agents by node')) tbody")
    barred = barriers(page)
    look.node.ask("DELETE", "/nodes/zrh.example.net")

    assert said.startswith("zrh.example.net has not joined ")
    assert said.endswith(" 0 0")
    assert barred == []


def test_the_search_box_finds_paths_by_any_of_their_words(look: Looker) -> None:
    page = look.at("path")
    box = page.get_by_role("searchbox")

    box.fill("gva.example waw trace")
    expect(page.locator("main tbody tr")).to_have_count(2)
    assert sorted(page.locator("main tbody tr td:first-child").all_inner_texts()) == [
        "gva.example.net → waw.example.net",
        "waw.example.net → gva.example.net",
    ]

    box.fill("nothing of the kind")
    expect(page.locator("main tbody tr")).to_have_count(0)
    assert text(page, "main [role=status]").startswith("0 of ")


def test_the_filter_of_tasks_shows_those_of_a_test_and_is_in_the_address(look: Looker) -> None:
    page = look.at("tasks")

    page.get_by_label("Test").select_option("trace")
    expect(page.locator("main tbody td:first-child", has_not_text="trace")).to_have_count(0)
    assert page.locator("main tbody tr").count() > 10
    assert "test=trace" in page.url

    page.get_by_label("Reference holds").fill('{"label": "none"}')
    page.get_by_label("Reference holds").press("Tab")
    page.wait_for_selector(".empty")
    assert text(page, ".empty") == "No task is like that here."


def test_the_schedule_has_the_runs_of_each_class_in_a_lane(look: Looker) -> None:
    page = look.at("schedule", span="21600")
    page.wait_for_selector(".lane rect")

    lanes = dict(line.split() for line in page.locator(".lane .name").all_inner_texts())

    assert int(lanes["exclusive"]) > 50
    assert lanes["non-starting"] == str(week.BLOCKED)
    assert page.locator(".lane:has-text('non-starting') rect.bad").count() == week.BLOCKED
    assert len(page.locator(".ticks span").all_inner_texts()) == 5
    assert text(page, ".legend").startswith("finished failed, late or not started")


def test_the_legend_of_the_grid_says_beyond_what_a_path_is_bad(look: Looker) -> None:
    page = look.at("grid", test="throughput", metric="throughput.bps")

    assert "warning below 1 Gb/s critical below 100 Mb/s or failed" in text(page, ".legend")


def test_it_is_said_whose_times_are_shown(look: Looker) -> None:
    page = look.at("overview")

    assert text(page, "footer") == f"Times are those of {_zone(page)}, as this browser is set."


def _zone(page: Any) -> str:
    return str(page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone"))
