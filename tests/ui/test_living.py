"""What is measured now is on the page without anybody asking anew."""

import pytest

from tests.ui.looking import Looker

pytestmark = pytest.mark.slow


def test_a_task_posted_by_measure_now_shows_its_result(look: Looker) -> None:
    page = look.at("measure", test="rtt")
    page.get_by_label("dest (required)").fill("127.0.0.1")
    page.get_by_label("count").fill("2")
    page.get_by_label("count").press("Tab")
    assert "pscheduler task rtt --dest 127.0.0.1 --count 2" in page.inner_text("code")

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
