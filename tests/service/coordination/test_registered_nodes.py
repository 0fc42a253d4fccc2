"""Registered nodes agree in one transaction, wherever their tools are: two at agents, one here."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import PeerError
from chalicelib.domain.messages import EndWait
from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.host.facts import gather
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import shard_planner
from chalicelib.service.execution import waits
from chalicelib.service.node import registration
from chalicelib.store import outbox_table, run_table, shards, task_table, timeline
from tests.agents import Agent, registered
from tests.builders import seconds
from tests.cluster import Cluster, posted
from tests.requests_sent import counted
from tests.service.machines import FakeMachine, perform_all

AMS, BRU, CPH = map(NodeName, ("ams.example", "bru.example", "cph.example"))
ALL = (AMS, BRU, CPH)
DONE = {"succeeded": True, "diags": "", "error": None, "result": {"time-slept": "PT2S"}}


class NoNetwork:
    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        raise AssertionError(f"co-hosted nodes need no requests: {calls}")


class Asked:
    """What an agent says, to the API of its node."""

    def __init__(self, cluster: Cluster, host: str):
        self._cluster, self._host = cluster, host

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return self._cluster.api(self._host, method, path, body, headers=headers)


@pytest.fixture
def cluster(empty_aws: None) -> Iterator[Cluster]:
    with peer_http.use(NoNetwork()):
        yield Cluster(*ALL)


@pytest.fixture
def agents(cluster: Cluster) -> dict[NodeName, Agent]:
    found = {}
    for name in (AMS, BRU):
        _, token = registered(name)
        found[name] = Agent(Asked(cluster, name))
        found[name].join(token)
    registration.add(CPH, "here", now())
    return found


def now() -> dt.datetime:
    return dt.datetime.now(UTC)


def shared(*hosts: str, **schedule: Any) -> dict[str, Any]:
    """A test of the named hosts, of as many as there are."""
    spec = {"schema": 2, "duration": "PT2S", "host": list(hosts)}
    return {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": schedule}


def exclusive(source: str, dest: str, **schedule: Any) -> dict[str, Any]:
    """A test of two that needs their time for itself."""
    spec = {"schema": 1, "source": source, "dest": dest, "duration": "PT5S"}
    return {"schema": 1, "test": {"type": "throughput", "spec": spec}, "schedule": schedule, "tool": "iperf3"}


def runs_at(node: NodeName, uuid: str) -> list[Run]:
    return [run_table.get(node, uuid, run.uuid) for run in run_table.in_order(node, uuid)]


@pytest.mark.usefixtures("agents")
def test_a_run_of_all_is_booked_in_one_transaction(cluster: Cluster) -> None:
    with counted() as sent:
        uuid = posted(cluster, shared(*ALL), AMS)

    assert sent.count("TransactWriteItems") == 1
    runs = [runs_at(node, uuid)[0] for node in ALL]
    assert {(run.uuid, run.start, run.state) for run in runs} == {
        (runs[0].uuid, runs[0].start, State.PENDING)
    }
    assert {len(run.documents.participant_data_full or ()) for run in runs} == {3}
    assert [task_table.get(node, uuid).participant for node in ALL] == [0, 1, 2]
    assert [outbox_table.length(node) for node in ALL] == [0, 0, 0]


def test_each_measures_where_its_tools_are_and_the_lead_merges(
    cluster: Cluster, agents: dict[NodeName, Agent]
) -> None:
    uuid = posted(cluster, shared(*ALL), AMS)
    (run,) = runs_at(AMS, uuid)
    taken: dict[NodeName, Assignment] = {}
    for name, agent in agents.items():
        (taken[name],) = agent.offered()
        assert agent.claim(taken[name])["taken"] == [run.uuid]

    perform_all(CPH, uuid, run.uuid, FakeMachine(run.start))
    for name in (BRU, AMS):
        agents[name].report(taken[name], DONE)

    waits.end(EndWait(AMS, task_table.get(AMS, uuid).uuid, run.uuid, run.end), FakeMachine(run.end))

    assert [runs_at(node, uuid)[0].state for node in ALL] == [State.FINISHED] * 3
    merged = runs_at(AMS, uuid)[0].documents
    assert [each["succeeded"] for each in merged.result_full] == [True] * 3
    assert merged.result_merged["succeeded"] is True


def test_a_run_goes_where_both_have_time_with_a_tool_that_only_their_hosts_have(
    cluster: Cluster, agents: dict[NodeName, Agent]
) -> None:
    for agent in agents.values():
        facts = gather()
        facts["tools"]["iperf3"]["unmet"] = []
        assert agent.say("PUT", "facts", facts)[0] == 204
    start = format_timestamp(now() + seconds(60))
    first = posted(cluster, exclusive(BRU, AMS, start=start), BRU)

    second = posted(cluster, exclusive(AMS, BRU, start=start, slip="PT5M"), AMS)
    third = posted(cluster, exclusive(AMS, BRU, start=start, slip="PT1S"), AMS)

    blocking = runs_at(BRU, first)[0]
    assert runs_at(AMS, second)[0].start == blocking.end
    assert runs_at(AMS, third)[0].state is State.NONSTART
    assert runs_at(BRU, third) == []
    assert [len(timeline.read_entries(node, now(), now() + seconds(600))) for node in ALL] == [2, 2, 0]


@pytest.mark.usefixtures("agents")
def test_further_runs_are_planned_for_all_of_them(cluster: Cluster) -> None:
    uuid = posted(cluster, shared(*ALL, repeat="PT4H", slip="PT1H"), AMS)

    for shard in shards.every():
        shard_planner.plan_shard(shard, now())
    shard_planner.plan_task(AMS, task_table.get(AMS, uuid).uuid, now())

    starts = [[run.start for run in runs_at(node, uuid)] for node in ALL]
    assert starts[0] == starts[1] == starts[2]
    assert len(starts[0]) >= 6


def test_a_tool_that_one_of_the_agents_lacks_is_not_chosen(
    cluster: Cluster, agents: dict[NodeName, Agent]
) -> None:
    facts = gather()
    lacking = {name: one for name, one in facts["tools"].items() if name != "snooze"}
    assert agents[BRU].say("PUT", "facts", {**facts, "tools": lacking})[0] == 204

    with_all = posted(cluster, shared(AMS, CPH), AMS)
    status, why = cluster.api(AMS, "POST", "/tasks", {**shared(*ALL), "tools": ["snooze"]})

    assert task_table.get(AMS, with_all).tool in facts["tools"]
    assert status == 422
    assert f"The agent of {BRU} does not have this tool" in why


@pytest.mark.usefixtures("agents")
def test_who_is_suspended_takes_part_in_nothing_new(cluster: Cluster) -> None:
    registration.change(BRU, lambda node: node.evolve(suspended=True))

    status, why = cluster.api(AMS, "POST", "/tasks", shared(*ALL))

    assert (status, why) == (403, f"The node {BRU} is suspended")
    assert [list(task_table.every(node)) for node in ALL] == [[], [], []]


def test_a_cancelled_task_is_cancelled_at_all_of_them_and_its_agents_hear_of_it(
    cluster: Cluster, agents: dict[NodeName, Agent]
) -> None:
    uuid = posted(cluster, shared(*ALL, start="PT1M"), AMS)
    (offered,) = agents[BRU].offered()
    agents[BRU].claim(offered)

    assert cluster.api(AMS, "DELETE", f"/tasks/{uuid}")[0] == 200

    assert [task_table.get(node, uuid).enabled for node in ALL] == [False] * 3
    assert [runs_at(node, uuid) for node in ALL] == [[], [], []]
    assert agents[BRU].contact()["cancelled"] == [{"task": uuid, "run": offered.run}]
    assert agents[AMS].offered() == []
