"""The pages of alerts: rules kept by the operator, states for everybody, checks for programs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.run_states import State
from chalicelib.service.alerts import rules, watch
from chalicelib.service.series import points
from tests.api.conftest import Api
from tests.api.pages.test_series import BEGUN, NOW, rtt
from tests.builders import NODE, run, task

LOSS: dict[str, Any] = {
    "series": {"test": "rtt"},
    "metric": "loss.ratio",
    "warning": {"above": 0.01},
    "critical": {"above": 0.05},
    "notify": [{"archiver": "http", "data": {"schema": 5, "_url": "https://hooks.example.org/x?token=1"}}],
}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    points._current.clear()
    rules._seen.clear()


def leave(loss: float, dest: str = "b.example.org") -> str:
    """A result, of which the rules hear; the id of its alert."""
    owner = task(document=rtt(dest), participants=("a.example.org",))
    over = run(owner, state=State.FINISHED).evolve(start=BEGUN)
    watch.leave(owner, over.with_documents(result_merged={"succeeded": True, "loss": loss}), NOW)
    series = points.leave(owner, over, NOW)
    assert series is not None
    return f"loss.{series.uuid}"


def put(api: Api, path: str, document: Any) -> None:
    status, answer = api.ask("PUT", path, document)
    assert status == 200, answer


def test_a_rule_is_kept_shown_without_secrets_listed_and_forgotten(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)

    shown = api.get("/alert-rules/loss")
    listed = api.get("/alert-rules")
    deleted, _ = api.ask("DELETE", "/alert-rules/loss")
    gone, _ = api.ask("GET", "/alert-rules/loss")

    assert shown["critical"] == {"above": 0.05}
    assert "token" not in str(shown)
    assert listed == {"loss": shown}
    assert (deleted, gone) == (200, 404)


def test_windows_that_are_put_at_once_are_all_kept(api: Api) -> None:
    window = {"start": "2026-11-24T02:00:00Z", "duration": "PT1H"}

    with ThreadPoolExecutor(16) as pool:
        paths = [f"/maintenance-windows/night-{number:02}" for number in range(16)]
        answers = list(pool.map(lambda path: api.ask("PUT", path, window)[0], paths))

    assert answers == [200] * 16
    assert len(api.get("/maintenance-windows")) == 16


def test_a_maintenance_window_is_kept_listed_and_forgotten(api: Api) -> None:
    window = {"start": "2026-11-24T02:00:00Z", "duration": "PT1H", "repeat": "P1D"}
    put(api, "/maintenance-windows/night", window)

    assert api.get("/maintenance-windows") == {"night": window}
    assert api.get("/maintenance-windows/night") == window
    assert api.ask("DELETE", "/maintenance-windows/night")[0] == 200
    assert api.get("/maintenance-windows") == {}


@pytest.mark.parametrize("path", ["/alert-rules", "/maintenance-windows"])
def test_rules_and_windows_are_the_operators(api: Api, path: str) -> None:
    api.call_from("192.0.2.9")

    asked = [("GET", path), ("GET", f"{path}/x"), ("PUT", f"{path}/x"), ("DELETE", f"{path}/x")]

    assert [api.ask(method, where, {})[0] for method, where in asked] == [403] * 4


@pytest.mark.parametrize(
    ("path", "document", "said"),
    [
        ("/alert-rules/loss", {**LOSS, "critical": {"above": "much"}}, "/critical/above: "),
        ("/alert-rules/loss", {**LOSS, "notify": [{"archiver": "pigeon", "data": {}}]}, "no archiver pigeon"),
        ("/alert-rules/loss", {**LOSS, "notify": [{"archiver": "http", "data": {}}]}, "/notify/0/data: "),
        ("/alert-rules/loss", [], "/: "),
        ("/alert-rules/Loss", LOSS, "lower-case letters"),
        ("/maintenance-windows/night", {"start": "now", "duration": "PT1H"}, "/start: "),
        ("/maintenance-windows/night", {}, "/: "),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, path: str, document: Any, said: str) -> None:
    status, sentence = api.ask("PUT", path, document)

    assert status == 400
    assert said in sentence


def test_alerts_are_listed_with_their_state_and_where_to_look(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    bad, fine = leave(0.5), leave(0.0, "c.example.org")

    found = {each["id"]: each for each in api.get("/alerts")}
    (active,) = api.get("/alerts?active")

    assert set(found) == {bad, fine}
    assert active == found[bad] == api.get(f"/alerts/{bad}")
    assert (active["state"], active["value"]) == ("critical", 0.5)
    assert active["path"].endswith("/ui/#/path?source=a.example.org&destination=b.example.org")
    assert api.get(active["series-href"].removeprefix("http://node.test"))["series"]["test"] == "rtt"


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ("state=critical", 1),
        ("state=ok", 2),
        ("rule=loss", 3),
        ("rule=x", 0),
        ("destination=c.example.org", 1),
    ],
)
def test_alerts_are_filtered(api: Api, wanted: str, count: int) -> None:
    put(api, "/alert-rules/loss", LOSS)
    leave(0.5), leave(0.0, "c.example.org"), leave(0.0, "d.example.org")

    assert len(api.get(f"/alerts?{wanted}")) == count


@pytest.mark.parametrize("active", ["", "&active"])
def test_alerts_come_in_pages(api: Api, active: str) -> None:
    put(api, "/alert-rules/loss", LOSS)
    ids = [leave(0.5, f"host{number}.example.org") for number in range(5)]
    found: list[str] = []
    path = f"/alerts?limit=2{active}"
    while path:
        found += [each["id"] for each in api.get(path)]
        path = (
            api.headers.get("Link", "").partition("<")[2].partition(">")[0].removeprefix("http://node.test")
        )

    assert found == sorted(ids)


@pytest.mark.parametrize(
    ("loss", "level", "status"),
    [(0.0, "", 200), (0.02, "", 200), (0.02, "?level=warning", 503), (0.5, "", 503), (0.5, "?level=x", 400)],
)
def test_a_check_has_the_answer_in_its_status(api: Api, loss: float, level: str, status: int) -> None:
    put(api, "/alert-rules/loss", LOSS)
    alert = leave(loss)

    assert api.ask("GET", f"/alerts/{alert}/check{level}")[0] == status


def test_under_maintenance_all_is_well(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    put(api, "/maintenance-windows/now", {"start": "2020-01-01T00:00:00Z", "duration": "P36500D"})
    alert = leave(0.5)

    assert api.ask("GET", f"/alerts/{alert}/check")[0] == 200
    assert "maintained-until" in api.get(f"/alerts/{alert}")


def test_a_badge_has_the_state_and_nothing_a_label_brings_along(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    alert = leave(0.5)

    _, picture = api.ask("GET", f"/alerts/{alert}/badge?label=%3Cscript%3E")

    assert api.headers["Content-Type"] == "image/svg+xml"
    assert ">critical</text>" in picture
    assert "<script" not in picture


@pytest.mark.parametrize("page", ["", "/check", "/badge"])
def test_an_alert_that_is_not_there_is_not_found(api: Api, page: str) -> None:
    assert api.ask("GET", f"/alerts/none.0123{page}")[0] == 404


def test_what_was_not_told_yet_is_among_the_archivings(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    alert = leave(0.5)

    (found,) = api.get("/archivings?state=waiting")

    assert found["alert-href"] == f"http://node.test/alerts/{alert}"
    assert found["archiver_data"]["_url"] is None


def test_an_alert_that_outlived_its_rule_is_not_shown(api: Api) -> None:
    put(api, "/alert-rules/loss", LOSS)
    alert = leave(0.5)
    with rules._changing(NODE, NOW) as kept:  # as where another process was about to store it
        kept[rules.RULES].clear()

    assert api.get("/alerts") == api.get("/alerts?active") == []
    assert api.ask("GET", f"/alerts/{alert}/check")[0] == 404
