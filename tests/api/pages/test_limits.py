"""Who may do what: POST /tasks, POST /tasks/<uuid>, the placement of runs, GET /limits, GET /status."""

import datetime as dt
import json
import uuid
from typing import Any

import pytest

from chalicelib.domain.times import UTC
from chalicelib.service.node import api_keys
from chalicelib.store import run_table, task_table
from tests.api.conftest import IDLE, Api, query
from tests.builders import NODE, NOON
from tests.domain.limits.world import (
    EVERYBODY,
    NEVER,
    apply,
    classifier,
    identifier,
    identifying,
    limit,
    limiting,
    policy,
)
from tests.policies import Install, use
from tests.policies import installed as installed

STRANGER = "198.51.100.7"
TEN = identifying(identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8"]}))
SHORT = limit("jq", {"script": 'if .test.spec.duration == "PT2S" then true else "too long" end'}, "short")


def _long(api: Api, **headers: str) -> tuple[int, Any]:
    return api.ask(
        "POST", "/tasks", {**IDLE, "test": {"type": "idle", "spec": {"duration": "PT3S"}}}, **headers
    )


def _stored(href: str) -> Any:
    return task_table.get(NODE, href.rsplit("/", 1)[-1])


def _first(href: str) -> Any:
    task = href.rsplit("/", 1)[-1]
    return run_table.get(NODE, task, run_table.first(NODE, task) or "none")


def test_a_task_that_the_limits_refuse_is_told_which_and_why(api: Api, installed: Install) -> None:
    installed(limiting(SHORT))

    status, said = _long(api)

    assert status == 403
    assert said.startswith('The limits of this node refuse the task: limit "short" failed: too long\n')
    assert 'Group 1: Limit "short" failed: too long' in said
    assert "requester: 127.0.0.1" in said


def test_a_task_that_passes_keeps_how_it_was_judged(api: Api, installed: Install) -> None:
    installed(limiting(SHORT))

    href = api.post_task()

    detail = api.get(f"{href}?detail=1")["detail"]
    assert "The proposal meets the limits" in detail["diags"]
    assert 'Limit "short" passed' in api.get(f"{href}/runs/first")["limit-diags"]


def test_nothing_is_left_of_a_refused_task(api: Api, installed: Install) -> None:
    installed(limiting(NEVER))

    api.ask("POST", "/tasks", IDLE)

    assert api.get("/tasks") == []


def test_a_refused_rehearsal_is_refused_like_the_task(api: Api, installed: Install) -> None:
    installed(limiting(NEVER))

    assert api.ask("POST", "/tasks?dry-run", IDLE)[0] == 403


def test_a_problem_document_has_the_trace(api: Api, installed: Install) -> None:
    installed(limiting(NEVER))

    status, said = api.ask("POST", "/tasks", IDLE, Accept="application/problem+json")

    assert (status, said["type"]) == (403, "urn:pscheduler:problem:forbidden")
    assert 'Limit "never" failed' in said["detail"]


def test_a_rewritten_task_is_the_one_stored(api: Api, installed: Install) -> None:
    script = '.test.spec.duration = "PT5S" | change("Five seconds at least")'
    installed(policy(rewrite={"script": script}))

    href = api.post_task()

    assert api.get(href)["test"]["spec"]["duration"] == "PT5S"
    assert "Five seconds at least" in _stored(href).diags


def test_what_a_rewriter_spoils_is_refused(api: Api, installed: Install) -> None:
    installed(policy(rewrite={"script": '.test.spec.duration = "soon"'}))

    status, said = api.ask("POST", "/tasks", IDLE)

    assert status == 400
    assert "duration" in said


def test_a_rewriter_rejects(api: Api, installed: Install) -> None:
    installed(policy(rewrite={"script": 'reject("not today")'}))

    status, said = api.ask("POST", "/tasks", IDLE)

    assert status == 403
    assert "not today" in said


def _join(number: int = 1, **more: Any) -> tuple[str, dict[str, Any]]:
    spec = {"schema": 1, "dest": "there", "source": "here"}
    task = {
        "schema": 1,
        "test": {"type": "simplestream", "spec": spec},
        "schedule": {},
        "tool": "simplestreamer",
        "participants": ["here", "there"],
        "_key": "a key that is long enough",
    }
    return f"/tasks/{uuid.uuid4()}?participant={number}", {**task, **more}


def test_a_task_led_elsewhere_is_judged_and_not_rewritten(api: Api, installed: Install) -> None:
    only = limit("test-type", {"types": ["simplestream"]}, "streams")
    installed(limiting(only, rewrite={"script": '.test.spec.dest = "elsewhere" | change("no")'}))
    path, task = _join()

    status, href = api.ask("POST", path, task)

    assert status == 200, href
    assert _stored(href.strip()).spec["dest"] == "there"
    assert 'Limit "streams" passed' in _stored(href.strip()).limit_diags


def test_a_task_led_elsewhere_is_refused(api: Api, installed: Install) -> None:
    installed(limiting(NEVER))
    path, task = _join()

    status, said = api.ask("POST", path, task)

    assert status == 403
    assert 'limit "never" failed' in said


HOURS = limit("run-schedule", {"year": [1999]}, "last century")


def test_a_first_run_at_the_wrong_time_does_not_start_and_says_why(api: Api, installed: Install) -> None:
    installed(limiting(HOURS))

    run = api.get(f"{api.post_task()}/runs/first")

    assert run["state"] == "nonstart"
    assert run["reason"]["code"] == "limits"
    assert 'limit "last century" failed: The year does not match' in run["errors"]
    assert "The year does not match" in run["limit-diags"]


@pytest.mark.parametrize("kind", ["idle", "idleex"])
def test_a_run_asked_for_at_the_wrong_time_does_not_start(api: Api, installed: Install, kind: str) -> None:
    installed(limiting(HOURS))
    task = {"type": kind, "spec": {"duration": "PT2S"}}
    href = api.post_task(test=task, schedule={"start": "PT2H"})
    start = (dt.datetime.now(UTC) + dt.timedelta(hours=1)).isoformat(timespec="seconds")

    status, run = api.ask("POST", f"{href}/runs", {"start-time": start})

    assert status == 200, run
    assert api.get(run.removeprefix("http://node.test"))["state"] == "nonstart"


def test_a_refused_run_takes_up_no_time(api: Api, installed: Install) -> None:
    installed(limiting(HOURS))
    exclusive = {"type": "idleex", "spec": {"duration": "PT1M"}}
    refused = _first(api.post_task(test=exclusive, schedule={"start": "PT1H"}))
    installed(policy())

    href = api.post_task(test=exclusive, schedule={"start": "PT1H"})

    assert api.get(f"{href}/runs/first")["state"] == "pending"
    assert refused.state.value == "nonstart"


@pytest.mark.parametrize(
    ("asked", "given", "got"),
    [(None, 7, 7), (5, 7, 5), (9, 7, 7), (9, None, 0), (None, None, 0), (-3, None, -3)],
)
def test_a_run_has_the_lower_of_the_priorities(
    api: Api, installed: Install, asked: int | None, given: int | None, got: int
) -> None:
    rank = {} if given is None else {"priority": {"script": f'set({given}; "by policy")'}}
    installed(policy(**rank))
    wish = {} if asked is None else {"schema": 3, "priority": asked}

    href = api.post_task(**wish)

    assert api.get(f"{href}/runs/first")["priority"] == got


def test_a_priority_that_is_not_granted_displaces_nothing(api: Api, installed: Install) -> None:
    installed(policy())
    exclusive = {"type": "idleex", "spec": {"duration": "PT1M"}}
    api.post_task(test=exclusive, schedule={"start": "PT1H"})

    href = api.post_task(test=exclusive, schedule={"start": "PT1H"}, schema=3, priority=100)

    assert api.get(f"{href}/runs/first")["reason"]["code"] == "no-time"


def test_limits_says_how_a_proposal_is_judged(api: Api, installed: Install) -> None:
    installed(limiting(SHORT))
    long = {**IDLE, "test": {"type": "idle", "spec": {"duration": "PT3S"}}}

    passed = api.get(query("/limits", proposal=json.dumps(IDLE)))
    failed = api.get(query("/limits", proposal=json.dumps(long)))

    assert (passed["passed"], failed["passed"]) == (True, False)
    assert "too long" in failed["diags"]


def test_a_proposal_may_say_when_its_run_is(api: Api, installed: Install) -> None:
    installed(limiting(HOURS))
    at = {"start": "1999-05-05T05:05:05Z", "duration": "PT1S"}

    proposals = [IDLE, {**IDLE, "run_schedule": at}, {**IDLE, "run_schedule": 7}]
    found = [api.get(query("/limits", proposal=json.dumps(one)))["passed"] for one in proposals]

    assert found == [True, True, False]


@pytest.mark.parametrize("proposal", ["[]", "7", "{", '{"a": NaN}', ""])
def test_what_is_no_proposal_is_refused(api: Api, proposal: str) -> None:
    assert api.ask("GET", query("/limits", proposal=proposal))[0] == 400


def test_without_a_policy_that_can_be_read_nothing_is_let_in(api: Api, installed: Install) -> None:
    installed("{")

    status, said = api.ask("POST", "/tasks", IDLE)

    assert status == 422
    assert "not valid JSON" in said
    assert api.ask("GET", query("/limits", proposal="{}"))[0] == 422
    shown = api.get("/status")["limits"]
    assert shown["ok"] is False
    assert "not valid JSON" in shown["error"]


def test_a_broken_policy_leaves_the_one_before_in_force(api: Api, installed: Install) -> None:
    installed(limiting(SHORT))
    assert _long(api)[0] == 403
    installed("{")

    assert _long(api)[0] == 403
    assert "stays in force" in api.get("/status")["limits"]["error"]
    assert api.post_task()


def test_a_hint_of_a_proxy_is_who_asks(api: Api, installed: Install) -> None:
    from chalicelib.service.node import proxy_credentials

    installed(TEN)
    proxy_credentials.add(NODE, "gateway", "a key of its own, long", NOON)

    assert api.ask("POST", "/tasks", IDLE)[0] == 403
    header = {"X-pScheduler-Requester": "10.1.1.1;gateway;a key of its own, long"}
    assert api.ask("POST", "/tasks", IDLE, **header)[0] == 200


def test_closed_takes_tasks_from_nobody(
    api: Api, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "closed", "127.0.0.1")

    status, said = api.ask("POST", "/tasks", IDLE)

    assert status == 403
    assert "closed" in said
    assert api.get("/status")["limits"] == {"ok": True}


@pytest.mark.parametrize(
    ("listens", "caller"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.9"),
        ("127.0.0.3", "127.0.0.1"),
        ("::1", "::1"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000, 127.0.0.1:8000", "127.0.0.1"),
    ],
)
def test_without_a_policy_loopback_takes_tasks_from_loopback(
    api: Api, installed: Install, monkeypatch: pytest.MonkeyPatch, listens: str, caller: str
) -> None:
    use(monkeypatch, "", listens)
    api.call_from(caller)

    assert api.ask("POST", "/tasks", IDLE)[0] == 200


@pytest.mark.parametrize(
    ("listens", "caller"),
    [
        ("127.0.0.1", STRANGER),
        ("0.0.0.0", "127.0.0.1"),
        ("192.0.2.1", "127.0.0.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("192.0.2.1:8000", "127.0.0.1"),
        ("127.0.0.1:8000,0.0.0.0:8000", "127.0.0.1"),
    ],
)
def test_without_a_policy_nobody_else_is_let_in_and_is_told_how_to_be(
    api: Api, installed: Install, monkeypatch: pytest.MonkeyPatch, listens: str, caller: str
) -> None:
    use(monkeypatch, "", listens)
    api.call_from(caller)

    status, said = api.ask("POST", "/tasks", IDLE)

    assert status == 403
    assert "PSCHEDULER_LIMITS" in said
    assert "local.keys" in said


def test_a_refusal_without_a_policy_is_shown_by_limits_too(
    api: Api, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "")

    found = api.get(query("/limits", proposal=json.dumps(IDLE)))

    assert found["passed"] is False
    assert "docs/policies" in found["diags"]


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key"])
def test_a_key_is_let_in_without_a_policy(
    api: Api, installed: Install, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    use(monkeypatch, "")
    key = api_keys.add(NODE, "probe", "measure", _now())
    text = f"Bearer {key}" if name == "Authorization" else key

    status, href = api.ask("POST", "/tasks", IDLE, **{name: text})

    assert status == 200, href
    hints = api.get(f"{href.removeprefix('http://node.test')}?detail=1")["detail"]["hints"]
    assert hints["api-key"] == "probe"
    assert key.rsplit(".", 1)[-1] not in json.dumps(hints)


@pytest.mark.parametrize(
    "text", ["psk.probe.wrong", "psk.nobody.AAAA", "psk.", "nonsense", "psk.probe.\u00ff"]
)
def test_a_wrong_key_is_refused_even_where_nobody_needs_one(api: Api, text: str) -> None:
    api_keys.add(NODE, "probe", "measure", _now())

    status, said = api.ask("POST", "/tasks", IDLE, **{"X-API-Key": text})

    assert status == 403
    assert "key" in said


def test_other_credentials_are_for_others(api: Api) -> None:
    assert api.ask("POST", "/tasks", IDLE, Authorization="Bearer eyJhbGciOi")[0] == 200
    assert api.ask("POST", "/tasks", IDLE, Authorization="Basic cHNrLmE6Yg==")[0] == 200


def test_a_key_to_read_posts_no_tasks(api: Api) -> None:
    key = api_keys.add(NODE, "reader", "read", _now())

    status, said = api.ask("POST", "/tasks", IDLE, **{"X-API-Key": key})

    assert status == 403
    assert "measure" in said
    assert api.ask("GET", query("/limits", proposal="{}"), **{"X-API-Key": key})[0] == 200


def test_a_key_that_is_over_or_revoked_opens_nothing(api: Api) -> None:
    past = _now() - dt.timedelta(hours=2)
    over = api_keys.add(NODE, "over", "measure", past, past + dt.timedelta(hours=1))
    revoked = api_keys.add(NODE, "revoked", "measure", _now())
    api_keys.revoke(NODE, "revoked", _now())

    found = [api.ask("POST", "/tasks", IDLE, **{"X-API-Key": key}) for key in (over, revoked)]

    assert [status for status, _ in found] == [403, 403]
    assert "expired" in found[0][1]


def test_a_key_to_administer_changes_everybodys_tasks(api: Api) -> None:
    key = api_keys.add(NODE, "desk", "administer", _now())
    measuring = api_keys.add(NODE, "probe", "measure", _now())
    api.call_from("192.0.2.55")
    href = api.post_task(schedule={"start": "PT1H"})
    api.call_from(STRANGER)

    assert api.ask("DELETE", href, **{"X-API-Key": measuring})[0] == 403
    assert api.ask("DELETE", href, **{"X-API-Key": key})[0] == 200


def test_a_policy_knows_keys(api: Api, installed: Install) -> None:
    installed(identifying(identifier("api-key", {"names": ["probe"]})))
    key = api_keys.add(NODE, "probe", "measure", _now())
    other = api_keys.add(NODE, "other", "measure", _now())

    headers: list[dict[str, str]] = [{"X-API-Key": key}, {"X-API-Key": other}, {}]
    assert [api.ask("POST", "/tasks", IDLE, **one)[0] for one in headers] == [200, 403, 403]


def test_a_run_whose_key_was_revoked_does_not_start(api: Api, installed: Install) -> None:
    installed(identifying(identifier("api-key", {})))
    key = api_keys.add(NODE, "probe", "measure", _now())
    status, href = api.ask("POST", "/tasks", {**IDLE, "schedule": {"start": "PT2H"}}, **{"X-API-Key": key})
    assert status == 200
    api_keys.revoke(NODE, "probe", _now())
    start = (_now() + dt.timedelta(hours=1)).isoformat(timespec="seconds")

    run = api.ask("POST", f"{href.removeprefix('http://node.test')}/runs", {"start-time": start})[1]

    assert api.get(run.removeprefix("http://node.test"))["state"] == "nonstart"


def test_a_quota_of_tasks_is_for_each_requester(api: Api, installed: Install) -> None:
    quota = {"name": "few", "description": "", "of": "tasks", "most": 2, "window": "P31D"}
    installed(policy(schema=5, quotas=[quota]))

    found = [api.ask("POST", "/tasks", IDLE)[0] for _ in range(3)]
    said = api.ask("POST", "/tasks", IDLE)[1]
    api.call_from(STRANGER)

    assert found == [200, 200, 403]
    assert 'quota "few" is used up' in said
    assert api.ask("POST", "/tasks", IDLE)[0] == 200


def test_a_task_that_is_not_taken_is_not_counted(api: Api, installed: Install) -> None:
    quota = {"name": "few", "description": "", "of": "tasks", "most": 1, "window": "P31D"}
    installed(policy(schema=5, quotas=[quota]))
    declined = {**IDLE, "tools": ["no-such-tool"]}

    assert api.ask("POST", "/tasks", declined)[0] == 422
    assert api.ask("POST", "/tasks?dry-run", IDLE)[0] == 200
    assert api.ask("POST", "/tasks", IDLE)[0] == 200


def test_a_class_of_its_own_has_a_quota(api: Api, installed: Install) -> None:
    quota = {
        "name": "tens",
        "description": "",
        "classifier": "ten",
        "of": "tasks",
        "most": 0,
        "window": "P1D",
    }
    ten = identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8"]}, "ten")
    installed(
        policy(
            schema=5,
            quotas=[quota],
            identifiers=[EVERYBODY, ten],
            classifiers=[classifier("all", "everybody"), classifier("ten", "ten")],
            applications=[apply("always")],
        )
    )

    assert api.ask("POST", "/tasks", IDLE)[0] == 200
    api.call_from("10.1.1.1")
    assert api.ask("POST", "/tasks", IDLE)[0] == 403


def test_runs_beyond_a_quota_do_not_start(api: Api, installed: Install) -> None:
    quota = {"name": "runs", "description": "", "of": "runs", "most": 3, "window": "P31D"}
    installed(policy(schema=5, quotas=[quota]))
    schedule = {"start": "PT10S", "repeat": "PT1S", "max-runs": 2}

    for _ in range(3):
        api.post_task(schedule=schedule)
        api.post_task()

    states = [run["state"] for run in api.get("/schedule")]
    assert states.count("nonstart") == len(states) - 3
    assert states.count("nonstart") > 0


def test_exclusive_time_beyond_a_quota_is_free_for_others(api: Api, installed: Install) -> None:
    quota = {"name": "time", "description": "", "of": "exclusive-seconds", "most": 70, "window": "P31D"}
    installed(policy(schema=5, quotas=[quota]))
    exclusive = {"type": "idleex", "spec": {"duration": "PT1M"}}
    hrefs = [api.post_task(test=exclusive, schedule={"start": "PT10S", "slip": "PT1H"}) for _ in range(2)]
    api.call_from(STRANGER)
    hrefs.append(api.post_task(test=exclusive, schedule={"start": "PT10S", "slip": "PT1H"}))

    runs = [api.get(f"{href}/runs/first") for href in hrefs]

    assert [run["state"] for run in runs] == ["pending", "nonstart", "pending"]
    assert 'quota "time" is used up: 70 exclusive seconds' in runs[1]["errors"]
