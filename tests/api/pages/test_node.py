"""Pages about the node itself (docs/contract/api.md, Administrative)."""

import datetime as dt
import json
import re

import pytest

from chalicelib.domain.messages import AttemptDelivery, PerformRun
from chalicelib.domain.times import UTC, format_timestamp, parse_duration
from chalicelib.host import path_mtu
from chalicelib.infrastructure import queues
from chalicelib.service.node import heartbeats
from chalicelib.store import node_table
from tests.api.conftest import IDLE, Api, query
from tests.builders import NODE
from tests.plugins.programs import needs

PROPOSAL = json.dumps(IDLE)


def test_the_root_names_the_host_and_the_horizon_is_a_day(api: Api) -> None:
    assert api.get("/").endswith(f" on {api.get('/hostname')}")
    assert api.get("/schedule-horizon") == "P1D"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def test_a_browser_is_shown_where_to_look(api: Api) -> None:
    _, page = api.ask("GET", "/", Accept=BROWSER)

    assert api.headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="http://node.test/ui/"' in page


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html", ""])
def test_every_other_client_is_told_a_string(api: Api, accept: str) -> None:
    _, alive = api.ask("GET", "/", Accept=accept)

    assert alive == api.get("/")
    assert api.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(("asked", "level"), [("", 6), ("?api=1", 6), ("?api=6", 6), ("?api=7", 7)])
def test_the_level_is_six_to_all_but_those_who_know_seven(api: Api, asked: str, level: int) -> None:
    assert api.get(f"/api{asked}") == level


def test_the_clock_has_microseconds_and_an_offset(api: Api) -> None:
    clock = api.get("/clock")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d", clock["time"])
    assert isinstance(clock["synchronized"], bool)


# --- status -----------------------------------------------------------------------------------------


def beaten(service: str, seconds_ago: float) -> None:
    now = dt.datetime.now(UTC)
    last = format_timestamp(now - dt.timedelta(seconds=seconds_ago))
    started = format_timestamp(now - dt.timedelta(hours=1))
    node_table.write(NODE, service, {"started": started, "updates": 3, "last": last})


def is_about(shown: str, **duration: float) -> bool:
    """Whether it is so long, and what a slow machine takes to answer at most."""
    return dt.timedelta() <= parse_duration(shown) - dt.timedelta(**duration) <= dt.timedelta(seconds=30)


def test_a_part_that_never_worked_says_nothing_of_itself(api: Api) -> None:
    status = api.get("/status")

    assert set(status["services"]) == {"ticker", "scheduler", "runner", "archiver"}
    assert set(status["services"]["ticker"].values()) == {None}
    assert status["runs"] == {"last-finished": None, "last-scheduled": None}
    assert status["limits"] == {"ok": True}


def test_a_part_that_worked_lately_is_not_overdue_and_one_that_fell_silent_is(api: Api) -> None:
    beaten("ticker", 5)
    beaten("scheduler", 200)

    services = api.get("/status")["services"]

    assert services["ticker"]["overdue"] is None
    assert is_about(services["ticker"]["uptime"], hours=1)
    assert is_about(services["scheduler"]["overdue"], minutes=2, seconds=20)


def test_a_runner_whose_queue_nobody_takes_from_is_overdue_though_its_tick_comes(api: Api) -> None:
    beaten("runner", 5)
    queues.send(queues.RUNS, PerformRun(NODE, "t", "r"))

    status = api.get("/status")

    assert status["queues"]["runs"]["waiting"] == 1
    assert is_about(status["services"]["runner"]["overdue"], minutes=59)


def test_taking_a_message_is_a_sign_of_life(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})
    beaten("archiver", 5)
    queues.send(queues.DELIVERIES, AttemptDelivery(NODE, "r", 0))

    api.client.lambda_.invoke("deliver", api.client.events.generate_sqs_event(['{"run": "r", "number": 0}']))

    status = api.get("/status")
    assert status["services"]["archiver"]["overdue"] is None
    assert status["queues"]["deliveries"]["last"] is not None


# --- limits -----------------------------------------------------------------------------------------


def test_without_limits_every_proposal_passes(api: Api) -> None:
    answer = api.get(query("/limits", proposal=PROPOSAL))

    assert answer["passed"] is True
    assert "No limits" in answer["diags"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "proposal is missing"),
        ({"proposal": "{"}, "proposal: not valid JSON"),
        ({"proposal": "[]"}, "proposal"),
    ],
)
def test_a_proposal_that_is_none_is_refused(api: Api, arguments: dict[str, str], complaint: str) -> None:
    assert complaint in api.get(query("/limits", **arguments), 400)


# --- the MTU ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/mtu", "/mtu-safe"])
def test_the_path_to_this_host_is_safe(api: Api, path: str) -> None:
    answer = api.get(query(path, dest="127.0.0.1"))

    assert answer["safe"] is True
    assert "this host" in answer["message"]


def test_a_destination_must_be_named(api: Api) -> None:
    assert "dest is missing" in api.get("/mtu-safe", 400)


@pytest.mark.parametrize("dest", ["no.such.invalid", "", "-4", "a b", "x" * 300])
def test_what_cannot_be_found_is_not_safe_and_the_reason_is_told(api: Api, dest: str) -> None:
    answer = api.get(query("/mtu-safe", dest=dest))

    assert answer["safe"] is False
    assert json.dumps(dest)[:100] in answer["message"]


@pytest.mark.parametrize(
    ("sizes", "safe", "words"),
    [
        ([1500], True, "1500"),
        ([1500, 1500], True, "1500"),
        ([9000, 1500], False, "9000, then 1500"),
        ([9000, 1500, 9000, 1280], False, "9000, then 1500, then 1280"),  # a rise does not mend a fall
    ],
)
def test_a_path_is_safe_where_the_mtu_never_falls(sizes: list[int], safe: bool, words: str) -> None:
    verdict = path_mtu.judged(sizes)

    assert verdict[0] is safe
    assert words in verdict[1]


@needs("traceroute")
def test_a_path_is_traced_with_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_mtu, "is_local", lambda address: False)

    safe, message = path_mtu.verdict("127.0.0.1")

    assert safe is True
    assert re.search(r"takes packets of \d+ bytes", message)


def test_without_the_program_nothing_is_called_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_mtu, "is_local", lambda address: False)
    monkeypatch.setenv("PATH", "/nowhere")

    safe, message = path_mtu.verdict("127.0.0.1")

    assert safe is False
    assert "traceroute is missing" in message


# --- debug and exception ----------------------------------------------------------------------------


def test_debugging_is_switched_for_all_and_shows(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    assert api.get("/debug") is False
    assert api.ask("PUT", "/debug?state=true") == (200, "OK\n")
    assert api.get("/debug") is True
    api.get("/api")

    assert api.ask("PUT", "/debug?state=no") == (200, "OK\n")
    assert api.get("/debug") is False
    assert "GET /api: 200" in caplog.text
    assert "GET /debug: 200" not in caplog.text.split("PUT /debug: 200")[-1].split("GET /api")[-1]


def test_debugging_is_off_where_no_state_is_given(api: Api) -> None:
    api.ask("PUT", "/debug?state=true")

    assert api.ask("PUT", "/debug") == (200, "OK\n")
    assert api.get("/debug") is False


def test_debugging_is_for_the_machine_itself(api: Api) -> None:
    api.call_from("127.0.0.3")

    assert api.ask("GET", "/debug")[0] == 403
    assert api.ask("PUT", "/debug?state=1")[0] == 403


def test_another_process_follows_the_switch(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    from chalicelib.service.node import debug

    node_table.write(NODE, debug.DEBUG, True)
    monkeypatch.setattr(debug, "_looked", [])
    api.get("/api")
    followed = logging.getLogger("chalicelib").level
    debug.switch(False)

    assert followed == logging.DEBUG


def test_an_exception_is_logged_for_the_machine_itself_alone(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    status, _ = api.ask("GET", "/exception")
    api.call_from("127.0.0.3")

    assert status == 200
    assert "RuntimeError" in caplog.text
    assert api.ask("GET", "/exception")[0] == 405
