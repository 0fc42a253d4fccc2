"""What pages of other origins, and requests for other names, can bring about: nothing."""

import pathlib
from typing import Any

import pytest

from chalicelib.service.node import api_keys, node_directory
from chalicelib.settings import forget_settings
from local import environment
from tests.api.conftest import IDLE, Api

LATER = {"start": "PT1H"}
FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://node.test:81"},
    {"Origin": "http://node.test.evil.example"},
    {"Origin": "http://[evil"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://node.test", "Sec-Fetch-Site": "cross-site"},
]
OWN = [
    {},
    {"Origin": "http://node.test"},
    {"Origin": "http://NODE.test:80"},
    {"Origin": "https://node.test"},  # a proxy may speak TLS for the node
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://node.test"},
    {"Sec-Fetch-Site": "none"},
]


def set_to(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"PSCHEDULER_{name}", value)
    _forget()


def _forget() -> None:
    forget_settings()
    node_directory.forget()


@pytest.fixture(autouse=True)
def _forgotten() -> Any:
    yield
    _forget()


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("headers", FOREIGN)
def test_a_foreign_page_writes_nothing(api: Api, headers: dict[str, str], kind: str) -> None:
    task = api.post_task(schedule=LATER)

    for method, path, body in (
        ("POST", "/tasks", IDLE),
        ("POST", "/tasks/cancel", {"filter": {}}),
        ("DELETE", task, None),
        ("PUT", "/debug?state=1", None),
        ("POST", f"{task}/runs", {"start-time": "2030-01-01T00:00:00Z"}),
    ):
        status, said = api.ask(method, path, body, **{"Content-Type": kind, **headers})
        assert (status, "Pages of other origins cannot change anything" in said) == (403, True), said

    assert len(api.get("/tasks?enabled")) == 1
    assert api.get("/debug") is False


@pytest.mark.parametrize("headers", OWN)
def test_the_nodes_own_page_and_programs_write(api: Api, headers: dict[str, str]) -> None:
    status, href = api.ask("POST", "/tasks", {**IDLE, "schedule": LATER}, **headers)

    assert status == 200
    assert api.ask("DELETE", href.removeprefix("http://node.test"), None, **headers)[0] == 200


def test_a_foreign_page_is_not_this_host(api: Api) -> None:
    assert api.ask("GET", "/debug", None, Origin="https://evil.example")[0] == 403
    assert api.ask("GET", "/exception", None, Origin="https://evil.example")[0] == 405


def test_a_page_that_is_named_writes_as_a_stranger(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, ORIGINS="https://friend.example")
    api.call_from("203.0.113.7")
    theirs = api.post_task(schedule=LATER)
    api.call_from("127.0.0.1")
    friend = {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}

    assert api.ask("POST", "/tasks", IDLE, **friend)[0] == 200
    assert api.ask("DELETE", theirs, None, **friend)[0] == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.0.2.9", 200),
        ("localhost", 200),
        ("localhost.", 200),
        ("node.localhost:8000", 200),
        ("this.example:8000", 200),
        ("second.example", 200),
        ("alias.example", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example:8000", 421),
    ],
)
def test_on_loopback_the_nodes_own_names_are_served_and_no_others(
    api: Api, monkeypatch: pytest.MonkeyPatch, host: str, status: int
) -> None:
    set_to(
        monkeypatch,
        LISTENS="127.0.0.1:8000,[::1]:8000",
        HOSTNAME="this.example",
        NODES="two=second.example",
        NAMES="alias.example, other.example",
    )

    for method, path in (("GET", "/tests"), ("POST", "/tasks")):
        assert api.ask(method, path, IDLE if method == "POST" else None, Host=host)[0] == status


@pytest.mark.parametrize("listens", ["0.0.0.0:443", "192.0.2.1:443", "127.0.0.1:80,192.0.2.1:80", ""])
def test_a_node_that_others_reach_is_served_under_any_alias(
    api: Api, monkeypatch: pytest.MonkeyPatch, listens: str
) -> None:
    set_to(monkeypatch, LISTENS=listens, HOSTNAME="this.example")

    assert api.ask("GET", "/tests", None, Host="alias.example")[0] == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Via", "Forwarded", "X-Real-IP"])
def test_what_comes_through_a_proxy_nobody_named_is_neither_this_host_nor_the_requester(
    api: Api, header: str
) -> None:
    task = api.post_task(schedule=LATER)

    for method, path, body in (
        ("DELETE", task, None),
        ("PUT", "/debug?state=1", None),
        ("GET", "/debug", None),
    ):
        assert api.ask(method, path, body, **{header: "127.0.0.1"})[0] == 403
    assert api.ask("POST", "/tasks/cancel", {"filter": {}}, **{header: "x"})[1]["canceled"] == []
    assert api.ask("DELETE", task)[0] == 200


def test_a_node_without_a_policy_takes_no_tasks_through_a_proxy_nobody_named(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to(monkeypatch, LIMITS="", LISTENS="127.0.0.1:8000")
    local = {"Host": "localhost"}

    assert api.ask("POST", "/tasks", IDLE, **local)[0] == 200
    status, said = api.ask("POST", "/tasks", IDLE, **local, **{"X-Forwarded-For": "127.0.0.1"})

    assert (status, "through a proxy" in said) == (403, True)


def test_where_others_reach_the_node_upkeep_takes_the_operators_token(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    environment.keep_token(tmp_path)
    monkeypatch.setenv("PSCHEDULER_OPERATOR_TOKEN", str(tmp_path / "operator-token"))
    set_to(monkeypatch, LISTENS="0.0.0.0:8000")
    token = {"Authorization": f"Bearer {(tmp_path / 'operator-token').read_text().strip()}"}
    api.call_from("203.0.113.7")
    theirs = api.post_task(schedule=LATER)
    api.call_from("127.0.0.1")
    everything: Any = {"filter": {}}

    refused = [
        api.ask("GET", "/debug")[0],
        api.ask("PUT", "/debug?state=1")[0],
        api.ask("PUT", "/debug?state=1", None, Authorization="Bearer psk.operator-token.wrong")[0],
        api.ask("POST", "/tasks/cancel?dry-run", everything)[1]["canceled"],
    ]
    allowed = [
        api.ask("GET", "/debug", None, **token),
        api.ask("POST", "/tasks/cancel", everything, **token)[1]["canceled"],
    ]

    assert refused == [403, 403, 403, []]
    assert allowed == [(200, False), [f"http://node.test{theirs}"]]
    assert (tmp_path / "operator-token").stat().st_mode & 0o777 == 0o600


def test_on_a_node_that_others_reach_this_host_still_cancels_one_task(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to(monkeypatch, LISTENS="0.0.0.0:8000")
    api.call_from("203.0.113.7")
    theirs = api.post_task(schedule=LATER)
    api.call_from("127.0.0.1")

    assert api.ask("DELETE", theirs)[0] == 200


def test_a_token_is_made_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSCHEDULER_OPERATOR_TOKEN", "")
    environment.keep_token(tmp_path)
    first = (tmp_path / "operator-token").read_text()
    environment.keep_token(tmp_path)

    assert (tmp_path / "operator-token").read_text() == first
    assert first.startswith(api_keys.PREFIX)


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_wrong_key_is_refused_before_the_body_is_judged(api: Api, key: str) -> None:
    task = api.post_task(schedule=LATER, _key="right")
    run = f"{task}/runs/78799c9c-3f68-49f0-b3f9-bc2258900e60"

    for method, path in (("PUT", run), ("POST", f"{task}/runs"), ("DELETE", task), ("GET", task)):
        body = b"{" if method in ("PUT", "POST") else None
        status, said = api.ask(method, f"{path}?key={key}", body)
        assert (status, said) == (403, "The key is wrong\n")
    assert api.ask("PUT", f"{run}?key=right", b"{")[0] == 400


def test_a_wrong_api_key_is_refused_before_the_body_is_judged(api: Api) -> None:
    bearer = {"Authorization": "Bearer psk.nobody.x"}

    for path in ("/tasks", "/tasks/cancel", "/tasks/00000000-0000-4000-8000-000000000000"):
        assert api.ask("POST", path, b"{", **bearer)[0] == 403
