"""Who asks, who may write, and whom a trusted proxy may name (docs/contract/scheduler.md section 12)."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.service.node import proxy_credentials
from chalicelib.store import node_table
from tests.api.conftest import IDLE, Api, query
from tests.builders import NODE, NOON

STRANGER, OTHER = "203.0.113.7", "198.51.100.9"
LATER = {"start": "PT1H"}
KEY = "a long and secret key"
HEADER = "X-pScheduler-Requester"


@pytest.fixture
def trusted(api: Api) -> Api:
    proxy_credentials.add(NODE, "gateway", KEY, NOON)
    return api


def test_hints_name_the_caller(api: Api) -> None:
    api.call_from(STRANGER)

    hints = api.get(f"{api.post_task(schedule=LATER)}?detail")["detail"]["hints"]

    assert hints["requester"] == STRANGER
    assert "requester-proxied-by" not in hints


def test_a_trusted_proxy_names_the_requester(trusted: Api) -> None:
    status, href = trusted.ask("POST", "/tasks", IDLE, **{HEADER: f"2001:db8::7;gateway;{KEY}"})

    assert status == 200
    hints = trusted.get(f"{href}?detail".removeprefix("http://node.test"))["detail"]["hints"]
    assert (hints["requester"], hints["requester-proxied-by"]) == ("2001:db8::7", "127.0.0.1")


@pytest.mark.parametrize(
    ("header", "status", "complaint"),
    [
        ("192.0.2.7", 400, "semicolons"),
        ("192.0.2.7;gateway", 400, "semicolons"),
        ("somebody;gateway;key", 400, '"somebody" is not an IP address'),
        ("", 400, "semicolons"),
        ("192.0.2.7;gateway;wrong", 403, "unknown"),
        (f"192.0.2.7;nobody;{KEY}", 403, "unknown"),
        (f"192.0.2.7;;{KEY}", 403, "unknown"),
    ],
)
@pytest.mark.parametrize("path", ["/tasks", "/limits?proposal=%7B%7D"])
def test_a_proxy_that_is_not_trusted_is_refused(
    trusted: Api, header: str, status: int, complaint: str, path: str
) -> None:
    method, body = ("POST", IDLE) if path == "/tasks" else ("GET", None)

    got, text = trusted.ask(method, path, body, **{HEADER: header})

    assert (got, complaint in text) == (status, True), text


def test_no_key_is_stored_as_it_is(trusted: Api) -> None:
    assert KEY not in str(node_table.read(NODE, proxy_credentials.CREDENTIALS))
    assert proxy_credentials.known(NODE) == ["gateway"]


def test_a_credential_is_replaced_and_removed(trusted: Api) -> None:
    proxy_credentials.add(NODE, "gateway", "another key, as long", NOON)
    assert not proxy_credentials.are_right(NODE, "gateway", KEY)

    proxy_credentials.remove(NODE, "gateway", NOON)

    assert not proxy_credentials.are_right(NODE, "gateway", "another key, as long")
    with pytest.raises(NotFound):
        proxy_credentials.remove(NODE, "gateway", NOON)


@pytest.mark.parametrize(("name", "key"), [("", KEY), ("a;b", KEY), ("a\n", KEY), ("a", "short")])
def test_a_credential_nobody_could_use_or_anybody_guess_is_refused(api: Api, name: str, key: str) -> None:
    with pytest.raises(Invalid):
        proxy_credentials.add(NODE, name, key, NOON)


# --- writing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "status"),
    [("127.0.0.1", 200), ("::1", 200), (STRANGER, 200), (OTHER, 403), ("127.0.0.3", 403)],
)
def test_a_task_without_a_key_is_its_requesters_and_this_hosts(api: Api, caller: str, status: int) -> None:
    api.call_from(STRANGER)
    task = api.post_task(schedule=LATER)

    api.call_from(caller)

    assert api.ask("DELETE", task)[0] == status
    assert api.get(f"{task}?detail")["detail"]["enabled"] is (status != 200)


@pytest.mark.parametrize(
    ("caller", "key", "status"),
    [
        (STRANGER, None, 200),
        (STRANGER, "", 403),  # no key is none, an empty one is wrong
        (OTHER, None, 403),
        (OTHER, "wrong", 403),
        (OTHER, "sesame", 200),
        ("127.0.0.1", None, 200),
        ("127.0.0.1", "wrong", 403),
    ],
)
def test_a_tasks_key_lets_others_write_too(api: Api, caller: str, key: str | None, status: int) -> None:
    api.call_from(STRANGER)
    task = api.post_task(schedule=LATER, _key="sesame")

    api.call_from(caller)

    assert api.ask("DELETE", task if key is None else query(task, key=key))[0] == status


@pytest.mark.parametrize(
    ("secret", "who"),
    [
        ({}, "this host or the task's requester may"),
        ({"_key": "sesame"}, "this host or the task's requester or the holder of the task's key may"),
    ],
)
def test_whoever_may_not_is_told_who_may(api: Api, secret: dict[str, str], who: str) -> None:
    api.call_from(STRANGER)
    task = api.post_task(schedule=LATER, **secret)

    api.call_from(OTHER)

    assert who in api.ask("DELETE", task)[1]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_runs_are_guarded_as_their_task_is(api: Api, method: str) -> None:
    task = api.post_task(schedule=LATER)
    run = api.get(f"{task}/runs")[0].removeprefix("http://node.test")
    api.call_from(OTHER)

    path = f"{task}/runs" if method == "POST" else run

    assert api.ask(method, path, {"start-time": "2030-01-01T00:00:00Z"})[0] == 403


def test_wrong_credentials_are_looked_into_two_at_a_time_and_right_ones_once(
    trusted: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    under_way = 0
    guard = threading.Lock()
    scrypt = hashlib.scrypt

    def counted(*args: Any, **more: Any) -> bytes:
        nonlocal under_way
        with guard:
            under_way += 1
            made.append(under_way)
        try:
            return scrypt(*args, **more)
        finally:
            with guard:
                under_way -= 1

    monkeypatch.setattr(hashlib, "scrypt", counted)
    monkeypatch.setattr(proxy_credentials, "_PATIENCE", 60.0)
    with ThreadPoolExecutor(40) as pool:
        found = list(pool.map(lambda n: proxy_credentials.are_right(NODE, "gateway", f"{n}{KEY}"), range(40)))
    right = [proxy_credentials.are_right(NODE, "gateway", KEY) for _ in range(3)]

    assert found == [False] * 40
    assert max(made) == 2
    assert right == [True] * 3
    assert len(made) == 41


def test_who_waits_too_long_to_be_looked_into_is_told_to_try_again(
    trusted: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_credentials, "_PATIENCE", 0.01)
    busy = [proxy_credentials._hashing.acquire(blocking=False) for _ in range(2)]
    try:
        status, said = trusted.ask("POST", "/tasks", IDLE, **{HEADER: "192.0.2.7;gateway;wrong and long one"})
    finally:
        for _ in busy:
            proxy_credentials._hashing.release()

    assert (status, "try again" in said) == (503, True)


def test_a_credential_that_is_removed_is_right_no_more(trusted: Api) -> None:
    assert proxy_credentials.are_right(NODE, "gateway", KEY)
    proxy_credentials.remove(NODE, "gateway", NOON)

    assert not proxy_credentials.are_right(NODE, "gateway", KEY)


def test_credentials_that_are_added_and_removed_at_once_are_all_changed(empty_aws: None) -> None:
    proxy_credentials.add(NODE, "old", KEY, NOON)

    with ThreadPoolExecutor(5) as pool:
        made = [pool.submit(proxy_credentials.add, NODE, f"new-{number}", KEY, NOON) for number in range(4)]
        gone = pool.submit(proxy_credentials.remove, NODE, "old", NOON)

    assert [each.exception() for each in (*made, gone)] == [None] * 5
    assert proxy_credentials.known(NODE) == [f"new-{number}" for number in range(4)]
