"""What functions may do: no more than they do, and no less. ``make test`` has all tests looked at."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.test import Client

from chalicelib.domain.messages import AttemptDelivery, EndWait, PerformRun, PlanShard, PlanTask
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import agent_queues
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.queues import DEAD_LETTERS, QUEUES
from chalicelib.service.alerts import rules, watch
from chalicelib.service.archiving import announce
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import reaper
from chalicelib.service.node import agent_bell, agent_secrets, registration
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.series import points
from chalicelib.settings import forget_settings
from chalicelib.store import run_items, run_table, shards
from chalicelib.store.models.all_tables import TABLES
from local.deployment import permissions
from local.deployment.resource_names import FUNCTIONS, function_of
from tests import builders
from tests.agents import Agent
from tests.builders import NODE
from tests.permissions import functions, plugin, recording
from tests.service.machines import FakeMachine

TASK = {
    "schema": 1,
    "test": {"type": "idle", "spec": {"duration": "PT1S"}},
    "schedule": {"start": "PT10M", "repeat": "PT1H"},
    "archives": [{"archiver": "bitbucket", "data": {}}],
}
DAY = dt.timedelta(days=1)


def handle(message: Any, now: dt.datetime, machine: Machine | None = None) -> None:
    queue_handlers.handle(message, now, machine or Machine())


def may(whose: str, action: str, where: str) -> bool:
    return action in permissions.granted(whose).get(where, ())


@pytest.mark.usefixtures("empty_aws")
def test_the_life_of_a_run_is_allowed_to_each_function_it_comes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    import app

    monkeypatch.setattr(run_items, "LARGEST_ITEM", 10)  # all documents go into the bucket
    now = dt.datetime.now(UTC)

    with recording.recording() as done, Client(app.app) as client:
        task = json.loads(client.http.post("/tasks", body=json.dumps(TASK).encode()).body).rsplit("/", 1)[-1]
        shard_planner.tick(now + DAY)
        for shard in shards.every():
            handle(PlanShard(NODE, shard), now + DAY)
        first = run_table.get(NODE, task, run_table.first(NODE, task) or "none")
        dispatch_tick.tick(first.start - dt.timedelta(seconds=30))
        handle(PerformRun(NODE, TaskId(task), RunId(first.uuid)), first.start, FakeMachine(first.start))
        handle(EndWait(NODE, TaskId(task), RunId(first.uuid), first.end), first.end, FakeMachine(first.end))
        client.http.get(f"/tasks/{task}/runs/{first.uuid}/result")
        announce.tick(now + DAY)
        handle(AttemptDelivery(NODE, RunId(first.uuid), 0), now + DAY)
        client.http.delete(f"/tasks/{task}")
        reaper.tick(now + 10 * DAY)

    assert {whose for whose, *_ in done} >= {"APIHandler", "Plan", "PlanTask", "Dispatch", "Run", "Reap"}
    assert [call for call in done if call[0] != permissions.EVERY and not may(*call)] == []
    assert ("Run", "PutObject", "bucket results") in done
    assert ("APIHandler", "GetObject", "bucket results") in done


LEAVING = ("APIHandler", "AskPeers", "PlanTask", "Reap", "Run")
"""The functions that may find a run to be over, or unable to start."""


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize("function", LEAVING)
def test_whoever_finds_a_run_over_may_leave_its_point_and_tell_what_the_rules_say(function: str) -> None:
    points._current.clear()
    rules._seen.clear()
    now = dt.datetime.now(UTC)
    rules.put_rule(NODE, "loss", RULE, now)

    with recording.recording() as done:
        for seconds, loss in ((0, 0.0), (1, 1.0), (-86400, 0.0)):  # a new series, an alert, one that is late
            recording._on_behalf(function, leave, now + dt.timedelta(seconds=seconds), loss)

    assert all(whose in (function, permissions.EVERY) for whose, *_ in done)
    assert [call for call in done if call[0] != permissions.EVERY and not may(*call)] == []


RULE = {
    "metric": "loss.ratio",
    "critical": {"above": 0.5},
    "notify": [{"archiver": "bitbucket", "data": {}}],
}


def leave(at: dt.datetime, loss: float) -> None:
    test = {"type": "rtt", "spec": {"dest": "192.0.2.1"}}
    owner = builders.task(document={"schema": 1, "test": test, "tool": "ping", "schedule": {}})
    over = builders.run(owner, state=State.FINISHED).evolve(start=at, end=at)
    watch.leave(owner, over.with_documents(result_merged={"succeeded": True, "loss": loss}), at)


@pytest.mark.usefixtures("empty_aws")
def test_the_operator_may_keep_rules_and_forget_them() -> None:
    import app

    rules._seen.clear()
    leave(dt.datetime.now(UTC), 0.0)

    with recording.recording() as done, Client(app.app) as client:
        for _ in range(2):  # the second time the alert is there already
            put = client.http.put("/alert-rules/loss", body=json.dumps(RULE).encode())
            assert put.status_code == 200, put.body
        client.http.get("/alerts?active")
        client.http.delete("/alert-rules/loss")

    assert [call for call in done if call[0] != permissions.EVERY and not may(*call)] == []
    assert ("APIHandler", "BatchWriteItem", "table alerts") in done


RINGING = ("APIHandler", "AskPeers", "PlanTask", "Reap")
"""The functions that may place a run, or cancel one."""


@pytest.fixture
def by_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeName]:
    """A node whose tools are at an agent, where agents have queues."""
    monkeypatch.setenv("PSCHEDULER_AGENT_CARRIER", "queue")
    forget_settings()
    agent_queues.forget()
    yield registration.add("ams.example.org", "agent", dt.datetime.now(UTC)).node
    monkeypatch.undo()
    forget_settings()
    agent_queues.forget()


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize("function", RINGING)
def test_whoever_places_or_cancels_a_run_may_call_its_agent(function: str, by_queue: NodeName) -> None:
    agent_bell.hang(by_queue)

    with recording.recording() as done:
        recording._on_behalf(function, agent_bell.ring, by_queue, dt.datetime.now(UTC))

    assert [call for call in done if call[0] != permissions.EVERY and not may(*call)] == []


@pytest.mark.usefixtures("empty_aws")
def test_a_run_at_an_agent_is_allowed_to_each_function_it_comes_by(by_queue: NodeName) -> None:
    import app

    now = dt.datetime.now(UTC)
    token = agent_secrets.new_join_token(by_queue, now)

    with recording.recording() as done, Client(app.app) as client:
        agent = Agent(Pages(client))
        agent.join(token)
        start = (now + dt.timedelta(seconds=30)).isoformat()
        body = json.dumps({**TASK, "schedule": {"start": start, "repeat": "PT1M"}}).encode()
        posted = client.http.post("/tasks", headers={"Host": by_queue}, body=body)
        task = TaskId(json.loads(posted.body).rsplit("/", 1)[-1])
        handle(PlanTask(by_queue, task), now)
        offered = agent.offered()
        agent.claim(*offered)
        agent.start(offered[0])
        agent.report(offered[0], {"succeeded": True, "result": {}, "error": None, "diags": ""})
        reaper.tick(offered[-1].end + dt.timedelta(hours=1))
        client.http.delete(f"/tasks/{task}", headers={"Host": by_queue})
        agent.contact()
        agent.tell("POST", "leave")

    assert ("APIHandler", "SendMessage", "queue agent") in recording.SEEN
    assert [call for call in done if call[0] != permissions.EVERY and not may(*call)] == []


class Pages:
    """The pages as an agent asks them."""

    def __init__(self, client: Client):
        self._client = client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._client.http.request(method, path, headers=headers, body=content)
        text = answer.body.decode()
        return answer.status_code, json.loads(text) if text.startswith("{") else text


def test_services_are_told_whose_they_are_by_the_handlers() -> None:
    found = set(functions.entries().values())

    assert found == set(FUNCTIONS) - {functions.API}


def test_what_is_done_without_leave_is_told_and_what_is_granted_in_vain() -> None:
    granted = plugin.calls(permissions.grants())
    seen = {*granted, ("Dispatch", "Scan", "table runs")} - {("Dispatch", "Query", "index runs/due")}

    assert plugin._wrong(seen, everything=False) == {("Dispatch", "Scan", "table runs")}
    assert plugin._wrong(seen, everything=True) == {
        ("Dispatch", "Scan", "table runs"),
        ("Dispatch", "Query", "index runs/due"),
    }


def test_what_all_may_do_is_granted_to_nobody_by_name() -> None:
    seen = {(permissions.EVERY, "GetItem", "table node"), ("Plan", "GetItem", "table node")}

    assert plugin.merged({}, seen) == {permissions.EVERY: {"table node": ["GetItem"]}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_policy_names_what_is_there_and_is_no_wider(function: str) -> None:
    statements = permissions.statements(function)
    text = json.dumps(statements)

    assert all(statement["Effect"] == "Allow" for statement in statements)
    for open_end in ("${ResultsBucket.Arn}/*", "-agent-*", "/stream/*"):
        text = text.replace(open_end, "")
    assert "*" not in text
    tables = {table.short_name: table for table in TABLES}
    for resource in permissions.granted(function):
        kind, _, name = resource.partition(" ")
        if kind == "index":
            table, _, index = name.partition("/")
            definition = tables[table].definition()
            kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
            assert index in {one["IndexName"] for each in kinds for one in definition.get(each, ())}
        elif kind == "table":
            assert name in tables
        elif kind == "stream":
            assert tables[name].is_streamed
        else:
            queues = {agent_queues.NAMED, DEAD_LETTERS, *(queue.name for queue in QUEUES)}
            assert resource == "bucket results" or name in queues


def test_only_the_function_of_a_queue_takes_from_it() -> None:
    for queue in QUEUES:
        takers = [name for name in FUNCTIONS if may(name, "ReceiveMessage", f"queue {queue.name}")]
        assert takers == [function_of(queue.handler)]
