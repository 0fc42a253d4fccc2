"""What is measured now is on the page without anybody asking anew."""

import time
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.nodes import Node
from tests.ui.looking import PATIENCE, Looker

pytestmark = pytest.mark.slow


def test_a_task_posted_by_measure_now_shows_its_result(look: Looker) -> None:
    page = look.at("measure", test="rtt")
    page.get_by_label("dest (required)").fill("127.0.0.1")
    page.get_by_label("count").fill("2")
    page.get_by_label("count").press("Tab")
    assert "pscheduler task rtt --dest 127.0.0.1 --count 2" in page.inner_text("code")
    expect(page.locator("p.hint")).to_have_count(0)  # which said that there was no dest

    page.get_by_role("button", name="Measure", exact=True).click()
    page.wait_for_selector("pre.result")

    assert "RTT Mean" in page.inner_text("pre.result")
    assert page.locator("section .state").inner_text() == "finished"


def test_what_makes_no_sense_is_said(look: Looker) -> None:
    page = look.at("measure", test="rtt")
    page.get_by_label("dest (required)").fill("127.0.0.1")
    page.get_by_label("interval").fill("often")
    page.get_by_role("button", name="Measure", exact=True).click()

    page.wait_for_selector("[role=alert]")

    assert "interval" in page.inner_text("[role=alert]")
    look.complaints = [each for each in look.complaints if "400" not in each]  # the browser's own remark


def measure(node: Node) -> None:
    """Have the way to this host itself measured, and wait until its series knows."""
    before = points(node)
    test = {"type": "rtt", "spec": {"dest": "127.0.0.1", "count": 1}}
    status, href = node.ask("POST", "/tasks", {"schema": 1, "test": test, "schedule": {}})
    assert status == 200, href
    node.ask("GET", f"{href.removeprefix(node.base)}/runs/first?wait=25&wait-merged=true")
    deadline = time.monotonic() + PATIENCE / 1000
    while points(node) == before:
        assert time.monotonic() < deadline, "the result makes no point"
        time.sleep(0.05)


def points(node: Node) -> int:
    return sum(
        len(node.ask("GET", f"/series/{each['id']}")[1]["points"]["time"])
        for each in node.ask("GET", "/series?destination=127.0.0.1&test=rtt")[1]
    )


def test_a_new_result_moves_an_open_page_within_two_seconds(look: Looker, node: Node) -> None:
    measure(node)
    source = node.ask("GET", "/series?destination=127.0.0.1&test=rtt")[1][0]["source"]
    page = look.at("path", own_clock=True, source=source, destination="127.0.0.1")
    page.wait_for_selector("text=in all.")
    traffic, before = Traffic(page), counted(page)
    page.clock.pause_at(time.time() + 10)

    measure(node)
    for _ in range(2 * STEPS):  # two seconds of the page's own time, however busy the machine is
        page.clock.run_for(1000 // STEPS)
        traffic.settle()

    assert counted(page) == before + 1


STEPS = 8
"""Parts of a second that the page's time moves on by."""


class Traffic:
    """What a page asks for and gets, to tell when it has got what it asked for."""

    def __init__(self, page: Any) -> None:
        self.page, self.under_way, self.has_heard = page, 0, False
        page.on("request", lambda request: self._count(request, 1))
        page.on("requestfinished", self._finished)
        page.on("requestfailed", lambda request: self._count(request, -1))

    def _count(self, request: Any, by: int) -> None:
        if "/events" not in request.url:
            self.under_way += by

    def _finished(self, request: Any) -> None:
        self._count(request, -1)
        self.has_heard = self.has_heard or "/events" in request.url

    def settle(self) -> None:
        """Wait until it has heard of something, and got all it asked for since."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not self.has_heard or self.under_way:
            assert time.monotonic() < deadline, "the page hears of nothing"
            self.page.wait_for_timeout(20)


def counted(page: Any) -> int:
    """The runs that are in the charts."""
    found = page.locator("p:has-text('in all.')").all_inner_texts()
    return sum(int(each.split(", ")[1].split()[0]) for each in found)
