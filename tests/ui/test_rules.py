"""Rules and maintenance windows are made, changed and removed on the page."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.acceptance.nodes import Node
from tests.ui.looking import DESKTOP, PHONE, Looker, barriers, is_too_wide

pytestmark = pytest.mark.slow
JITTER = {
    "description": "The delay wavers",
    "series": {"test": "latency", "destination": "*.example.net"},
    "metric": "jitter",
    "warning": {"above": 0.5, "clear": 0.2},
    "results": {"at-least": 2, "of": 3},
    "no-data": "PT3H",
}
NIGHT = {"start": "2030-01-01T02:00:00Z", "duration": "PT1H", "repeat": "P1D", "rules": ["loss", "slow"]}


@pytest.fixture(autouse=True)
def _gone(node: Node) -> Iterator[None]:
    yield
    node.ask("DELETE", "/alert-rules/jitter")
    node.ask("DELETE", "/maintenance-windows/night")


def put(node: Node, path: str, document: Any) -> None:
    status, said = node.ask("PUT", path, document)
    assert status == 200, said


def fill(page: Any, **texts: str) -> None:
    for label, text in texts.items():
        field = page.get_by_label(label.replace("_", " "), exact=True)
        field.fill(text)
        field.press("Tab")


def test_the_rules_stand_below_the_alerts(look: Looker) -> None:
    page = look.at("alerts")
    page.wait_for_selector("main table")
    page.wait_for_selector("summary:has-text('loss')")

    assert page.locator("h2, h3").all_inner_texts() == ["Alerts", "Rules", "Maintenance windows"]


def test_a_rule_is_made_with_what_it_amounts_to(look: Looker, node: Node) -> None:
    page = look.at("alerts")
    page.get_by_role("link", name="New alert rule").click()

    page.get_by_label("name (required)").fill("jitter")
    page.get_by_label("description").fill(JITTER["description"])
    page.get_by_role("textbox", name="test").fill("latency")
    page.get_by_role("textbox", name="destination").fill("*.example.net")
    page.get_by_label("metric (required)").fill("jitter")
    page.get_by_role("combobox", name="critical").select_option("")
    page.get_by_role("combobox", name="warning").select_option("above")
    page.get_by_label("warning above (required)").fill("0.5")
    page.get_by_label("warning until").fill("0.2")
    page.get_by_label("at least so many results").fill("2")
    page.get_by_label("of the last").fill("3")
    page.get_by_role("textbox", name="no-data").fill("PT3H")
    page.get_by_role("textbox", name="no-data").press("Tab")
    expect(page.locator("code")).to_contain_text('\'{"metric":"jitter"')
    command = page.locator("code").inner_text()
    page.get_by_role("button", name="Keep").click()
    page.wait_for_selector("summary:has-text('jitter: The delay wavers')")

    assert node.ask("GET", "/alert-rules/jitter")[1] == JITTER
    assert command.startswith("curl -X PUT -H 'Content-Type: application/json' -d '{")
    assert command.endswith(f"'{node.base}/alert-rules/jitter'")


@pytest.mark.parametrize(
    ("label", "text", "said"),
    [
        ("warning until", "0.9", "must be on the good side of the threshold"),
        ("no-data", "P1000D", "must be from PT2M to P90D"),
        ("notify", '[{"archiver": "pigeon", "data": {}}]', "/notify/0/archiver: "),
        ("at least so many results", "9", "must be no more than /results/of"),
    ],
)
def test_what_the_node_says_is_wrong_stands_at_its_field(
    look: Looker, node: Node, label: str, text: str, said: str
) -> None:
    put(node, "/alert-rules/jitter", JITTER)
    page = look.at("alerts", edit="rule", name="jitter")
    field = page.get_by_role("spinbutton", name=label).or_(page.get_by_role("textbox", name=label))

    field.fill(text)
    page.get_by_role("button", name="Keep").click()
    page.wait_for_selector("[role=alert]")

    expect(page.locator(".field:has([aria-invalid])")).to_contain_text(said)
    expect(field).to_be_focused()
    assert barriers(page) == []
    assert node.ask("GET", "/alert-rules/jitter")[1] == JITTER
    look.complaints = [each for each in look.complaints if "400" not in each]  # the browser's own remark


def test_a_rule_is_changed_and_removed(look: Looker, node: Node) -> None:
    put(node, "/alert-rules/jitter", JITTER)
    page = look.at("alerts")
    page.locator("summary", has_text="jitter").click()
    page.get_by_role("link", name="Change or remove jitter").click()

    page.get_by_label("warning above (required)").fill("0.7")
    page.get_by_role("button", name="Keep").click()
    page.wait_for_selector("summary:has-text('jitter')")
    changed = node.ask("GET", "/alert-rules/jitter")[1]
    page.locator("summary", has_text="jitter").click()
    page.get_by_role("link", name="Change or remove jitter").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Yes, remove it").click()
    page.wait_for_selector("summary:has-text('loss')")

    expect(page.locator("summary", has_text="jitter")).to_have_count(0)
    assert changed == {**JITTER, "warning": {"above": 0.7, "clear": 0.2}}
    assert node.ask("GET", "/alert-rules/jitter")[0] == 404


def test_a_maintenance_window_is_made_and_removed(look: Looker, node: Node) -> None:
    page = look.at("alerts", edit="window")

    page.get_by_label("name (required)").fill("night")
    page.get_by_label("start (required)").fill(str(NIGHT["start"]))
    page.get_by_label("repeat").fill("P1D")
    page.get_by_label("rules", exact=False).first.fill("loss, slow")
    page.get_by_role("button", name="Keep").click()
    page.wait_for_selector("summary:has-text('night')")

    assert node.ask("GET", "/maintenance-windows/night")[1] == NIGHT
    page.locator("summary", has_text="night").click()
    page.get_by_role("link", name="Change or remove night").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Yes, remove it").click()
    page.wait_for_selector("text=There is none: whatever the rules say is told at once.")
    assert node.ask("GET", "/maintenance-windows/night")[0] == 404


@pytest.mark.parametrize(("size", "scheme", "other"), [(DESKTOP, "light", "dark"), (PHONE, "dark", "light")])
@pytest.mark.parametrize("kind", ["rule", "window"])
def test_a_form_fits_its_screen_and_keeps_nobody_out(
    look: Looker, kind: str, size: tuple[int, int], scheme: str, other: str
) -> None:
    page = look.at("alerts", size, scheme, edit=kind)

    assert not is_too_wide(page)
    assert barriers(page) == []
    page.emulate_media(color_scheme=other)
    assert barriers(page, "color-contrast") == []


def test_what_is_private_is_not_kept_unseen(look: Looker, node: Node) -> None:
    archive = {"archiver": "http", "data": {"schema": 2, "_url": "https://example.org/hook"}}
    put(node, "/alert-rules/jitter", {**JITTER, "notify": [archive]})

    page = look.at("alerts", edit="rule", name="jitter")

    expect(page.locator(".warning")).to_contain_text("What is private is not shown")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".field:has([aria-invalid])")).to_contain_text("/notify/0")
    look.complaints = [each for each in look.complaints if "400" not in each]
