"""Who asks, who may write, and whom a trusted proxy may name (docs/contract/scheduler.md section 12)."""

import pytest

from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.service.node import proxy_credentials
from chalicelib.store import node_table
from tests.api.conftest import IDLE, Api, query
from tests.builders import NODE

STRANGER, OTHER = "203.0.113.7", "198.51.100.9"
LATER = {"start": "PT1H"}
KEY = "a long and secret key"
HEADER = "X-pScheduler-Requester"


@pytest.fixture
def trusted(api: Api) -> Api:
    proxy_credentials.add(NODE, "gateway", KEY)
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
        ("somebody;gateway;key", 400, "'somebody' is not an IP address"),
        ("", 400, "semicolons"),
        ("192.0.2.7;gateway;wrong", 403, "not known"),
        (f"192.0.2.7;nobody;{KEY}", 403, "not known"),
        (f"192.0.2.7;;{KEY}", 403, "not known"),
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
    proxy_credentials.add(NODE, "gateway", "another key, as long")
    assert not proxy_credentials.are_right(NODE, "gateway", KEY)

    proxy_credentials.remove(NODE, "gateway")

    assert not proxy_credentials.are_right(NODE, "gateway", "another key, as long")
    with pytest.raises(NotFound):
        proxy_credentials.remove(NODE, "gateway")


@pytest.mark.parametrize(("name", "key"), [("", KEY), ("a;b", KEY), ("a\n", KEY), ("a", "short")])
def test_a_credential_nobody_could_use_or_anybody_guess_is_refused(api: Api, name: str, key: str) -> None:
    with pytest.raises(Invalid):
        proxy_credentials.add(NODE, name, key)


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
        (STRANGER, "", 200),
        (OTHER, "", 403),
        (OTHER, "wrong", 403),
        (OTHER, "sesame", 200),
        ("127.0.0.1", "", 200),
    ],
)
def test_a_tasks_key_lets_others_write_too(api: Api, caller: str, key: str, status: int) -> None:
    api.call_from(STRANGER)
    task = api.post_task(schedule=LATER, _key="sesame")

    api.call_from(caller)

    assert api.ask("DELETE", query(task, key=key))[0] == status


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
