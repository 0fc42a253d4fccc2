"""A whole agent beside a coordinator that can be made to fail."""

import contextlib
import dataclasses
import datetime as dt
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent import objections, service
from agent.agent_state import OFFERED, State
from agent.failures import Backoff
from agent.policy import PolicyFile
from agent.service import Agent
from agent.state_records import Identity, Result
from agent.status import read
from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, UTC, parse_timestamp
from chalicelib.infrastructure.machine import Machine
from tests.agent.coordinator import SECRET, Coordinator, assignment, serving

FACTS = {"schema": 1, "tools": {}}


def soon(seconds: float = 2) -> dt.datetime:
    """The next whole second that is at least so far away."""
    return (dt.datetime.now(UTC) + (seconds + 1) * SECOND).replace(microsecond=0)


@dataclasses.dataclass
class Tool:
    """A stand-in for all tools: it notes when it began, and does what it is told."""

    began: dict[str, list[dt.datetime]] = dataclasses.field(default_factory=dict)
    work: Callable[[Assignment, Machine, Callable[[JSON], None]], JSON] = lambda run, machine, emit: {
        "ok": True
    }

    def perform(self, run: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> LocalResult:
        machine.sleep_until(run.start)
        self.began.setdefault(run.run, []).append(machine.now())
        return LocalResult(result=self.work(run, machine, emit))


class Host:
    """A measurement host: a state folder, a policy, and agents that are started and stopped on it."""

    def __init__(self, folder: pathlib.Path, coordinator: Coordinator):
        self.folder, self.coordinator, self.tool = folder, coordinator, Tool()
        self.policy = folder / "policy.json"
        with contextlib.closing(State(folder)) as state:
            state.enroll(Identity(coordinator.url, "ams", "ams.example.org", SECRET))

    @contextlib.contextmanager
    def running(self, state: State | None = None) -> Iterator[Agent]:
        state = state or State(self.folder)
        identity = state.identity()
        assert identity is not None
        policy = PolicyFile(self.policy, wanted=False)
        agent = Agent(self.folder, state, identity, policy, gather=lambda: FACTS)
        agent.runs.perform = self.tool.perform
        thread = threading.Thread(target=agent.run, daemon=True)
        thread.start()
        try:
            yield agent
        finally:
            agent.end()
            thread.join(20)
            time.sleep(0.05)


@pytest.fixture
def coordinator() -> Iterator[Coordinator]:
    with serving(Coordinator()) as running:
        yield running


@pytest.fixture
def host(tmp_path: pathlib.Path, coordinator: Coordinator) -> Host:
    return Host(tmp_path / "state", coordinator)


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "MOST", 1.0)
    monkeypatch.setattr(objections, "LATE_FROM", 30 * SECOND)  # this machine may be busy


def test_a_run_is_claimed_started_on_the_second_and_reported(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        start = soon()
        run = coordinator.offer(assignment(start))
        coordinator.wait(lambda: coordinator.of(run))

    (result,) = coordinator.of(run)
    (began,) = host.tool.began[run]
    assert run in coordinator.holders
    assert coordinator.started == [run]
    assert began >= start
    assert (result["number"], result["final"], result["local"]["result"]) == (1, True, {"ok": True})


def test_contacts_say_what_is_held_and_the_facts(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        run = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: any(each["held"] for each in coordinator.contacts) or coordinator.ring())
        coordinator.wait(lambda: coordinator.facts)
        coordinator.wait(
            lambda: coordinator.contacts[-1]["clock"]["offset"] is not None or coordinator.ring()
        )

    last = coordinator.contacts[-1]
    assert [each["run"] for each in last["held"]] == [run]
    assert coordinator.facts == FACTS
    assert abs(last["clock"]["offset"]) < 2


def test_a_run_that_its_owner_does_not_allow_is_refused(host: Host, coordinator: Coordinator) -> None:
    host.policy.write_text('{"tests": ["rtt"]}')
    with host.running():
        run = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: coordinator.refused)
        host.policy.write_text('{"tests": ["idle"]}')
        allowed = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: allowed in coordinator.holders)

    refused = coordinator.refused[run]
    assert (refused["code"], refused["message"]) == (
        "agent-policy",
        "The owner of this host does not allow the test idle",
    )
    assert run not in coordinator.holders


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"test": "no-such"}, "does not have the test no-such"),
        ({"tool": "no-such"}, "does not have the tool no-such"),
        ({"contexts": [{"context": "no-such", "data": {}}]}, "does not have the context no-such"),
        ({"tool": "sleep"}, "does not work here: Only sleeps 15 seconds"),
    ],
)
def test_what_this_host_cannot_do_is_refused(
    host: Host, coordinator: Coordinator, members: dict[str, Any], message: str
) -> None:
    with host.running():
        run = coordinator.offer(assignment(soon(600), **members))
        coordinator.wait(lambda: coordinator.refused)

    assert coordinator.refused[run]["code"] == "agent-tool"
    assert message in coordinator.refused[run]["message"]


def test_a_clock_that_is_off_refuses_and_starts_nothing(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        taken = coordinator.offer(assignment(soon(15)))
        coordinator.wait(lambda: taken in coordinator.holders)
        coordinator.ahead = 30 * SECOND
        for _ in range(10):  # until the answers before are forgotten
            count = len(coordinator.contacts)
            coordinator.ring()
            coordinator.wait(lambda count=count: len(coordinator.contacts) > count)
        offered = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: len(coordinator.refused) == 2)

    assert {coordinator.refused[run]["code"] for run in (taken, offered)} == {"agent-clock"}
    assert host.tool.began == {}


def test_what_was_claimed_runs_through_a_cut_and_arrives_later(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        run = coordinator.offer(assignment(soon(3)))
        coordinator.wait(lambda: run in coordinator.holders)
        coordinator.failures = {name: [503] * 100 for name in ("contact", "bell", "starts", "results")}
        done = threading.Event()
        until = time.monotonic() + 20
        while run not in host.tool.began and time.monotonic() < until:
            done.wait(0.05)
        assert coordinator.results == []
        coordinator.failures = {}
        coordinator.wait(lambda: coordinator.of(run))

    assert len(host.tool.began[run]) == len(coordinator.of(run)) == 1


def test_a_claim_whose_answer_was_lost_is_made_again(host: Host, coordinator: Coordinator) -> None:
    coordinator.failures["claims"] = [502, 502]
    with host.running():
        run = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: run in coordinator.holders)


def test_a_run_that_is_taken_as_it_is_offered_is_started_and_not_claimed(
    host: Host, coordinator: Coordinator
) -> None:
    coordinator.takes = True
    coordinator.failures["claims"] = [500] * 100
    with host.running():
        run = coordinator.offer(assignment(soon()))
        coordinator.wait(lambda: coordinator.of(run))

    assert coordinator.contacts[0]["take"] > 0
    assert len(coordinator.failures["claims"]) == 100
    assert len(host.tool.began[run]) == 1


class NoRoomAtFirst(State):
    """A state that has no room for the first runs that are offered."""

    tries = 0

    def offer(self, assignment: Assignment, document: JSON, stage: str = OFFERED) -> None:
        self.tries += 1
        if self.tries <= 2:
            raise StorageFull("The state cannot be written: database or disk is full")
        super().offer(assignment, document, stage)


@pytest.mark.parametrize("takes", [True, False])
def test_what_there_was_no_room_for_is_asked_for_again_soon(
    host: Host, coordinator: Coordinator, takes: bool
) -> None:
    coordinator.every, coordinator.takes = 600.0, takes
    state = NoRoomAtFirst(host.folder)
    with host.running(state):
        run = coordinator.offer(assignment(soon(3)))
        (result,) = coordinator.wait(lambda: coordinator.of(run))

    assert result["local"]["result"] == {"ok": True}
    assert state.tries == 3


def test_a_run_that_is_taken_as_it_is_offered_is_refused_all_the_same(
    host: Host, coordinator: Coordinator
) -> None:
    coordinator.takes = True
    host.policy.write_text('{"tests": ["rtt"]}')
    with host.running() as agent:
        run = coordinator.offer(assignment(soon(3)))
        coordinator.wait(lambda: coordinator.refused)
        time.sleep(4)
        held = agent.runs.held()

    assert coordinator.refused[run]["code"] == "agent-policy"
    assert (host.tool.began, held) == ({}, [])


def test_what_somebody_else_holds_is_never_started(host: Host, coordinator: Coordinator) -> None:
    document = assignment(soon(3))
    coordinator.holders[document["run"]] = "somebody else"
    with host.running() as agent:
        coordinator.offer(document)
        after = coordinator.offer(assignment(soon(4)))
        coordinator.wait(lambda: coordinator.of(after))
        held = agent.runs.held()

    assert list(host.tool.began) == [after]
    assert document["run"] not in [each["run"] for each in held]


def test_a_run_that_is_not_to_go_ahead_is_not_started(host: Host, coordinator: Coordinator) -> None:
    document = assignment(soon(3))
    coordinator.no_go.add(document["run"])
    with host.running():
        coordinator.offer(document)
        after = coordinator.offer(assignment(soon(4)))
        coordinator.wait(lambda: coordinator.of(after))
        coordinator.wait(lambda: coordinator.contacts[-1]["held"] == [] or coordinator.ring())

    assert list(host.tool.began) == [after]


def test_cancelling_reaches_a_tool_at_work(host: Host, coordinator: Coordinator) -> None:
    began, ended = threading.Event(), threading.Event()

    def long(run: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> JSON:
        began.set()
        try:
            machine.sleep_until(run.end)
        finally:
            ended.set()
        return {"ok": True}

    host.tool.work = long
    with host.running():
        run = coordinator.offer(assignment(soon(), seconds=120))
        assert began.wait(20)
        coordinator.cancel(run)
        assert ended.wait(20)
        coordinator.wait(lambda: coordinator.contacts[-1]["held"] == [] or coordinator.ring())

    assert coordinator.of(run) == []


def test_cancelling_before_the_start_starts_nothing(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        run = coordinator.offer(assignment(soon(4)))
        coordinator.wait(lambda: run in coordinator.holders)
        coordinator.wait(lambda: coordinator.contacts[-1]["held"] or coordinator.ring())
        coordinator.cancel(run)
        coordinator.wait(lambda: coordinator.contacts[-1]["held"] == [] or coordinator.ring())
        after = coordinator.offer(assignment(soon(4)))
        coordinator.wait(lambda: coordinator.of(after))

    assert list(host.tool.began) == [after]


def test_results_that_stream_are_numbered_and_the_last_is_final(host: Host, coordinator: Coordinator) -> None:
    def stream(run: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> JSON:
        for each in range(3):
            emit({"each": each})
        return {"done": True}

    host.tool.work = stream
    with host.running():
        run = coordinator.offer(assignment(soon(), streams=True))
        coordinator.wait(lambda: len(coordinator.of(run)) == 4)

    results = coordinator.of(run)
    assert [each["number"] for each in results] == [1, 2, 3, 4]
    assert [each["final"] for each in results] == [False, False, False, True]
    assert [each["local"]["result"] for each in results[:3]] == [{"each": 0}, {"each": 1}, {"each": 2}]


def test_a_tool_that_takes_too_long_is_ended_and_said_to(host: Host, coordinator: Coordinator) -> None:
    def endless(run: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> JSON:
        machine.sleep_until(run.end + 100 * SECOND)
        return {"ok": True}

    host.tool.work = endless
    with host.running():
        run = coordinator.offer(assignment(soon(), seconds=1))
        coordinator.wait(lambda: coordinator.of(run), seconds=40)

    assert "longer than the PT1S" in coordinator.of(run)[0]["local"]["errors"]


def test_a_run_that_comes_too_late_is_not_started(host: Host, coordinator: Coordinator) -> None:
    start = dt.datetime.now(UTC).replace(microsecond=0) - 40 * SECOND
    with host.running():
        run = coordinator.offer(assignment(start, seconds=60))
        coordinator.wait(lambda: coordinator.refused)

    assert coordinator.refused[run]["code"] == "agent-late"
    assert host.tool.began == {}


def test_a_restart_goes_on_with_what_was_taken_and_reports_what_was_begun(
    host: Host, coordinator: Coordinator
) -> None:
    with contextlib.closing(State(host.folder)) as state:  # as an agent that was killed leaves it
        documents = [assignment(soon(-2)), assignment(soon(4))]
        for document in documents:
            coordinator.runs[document["run"]] = document
            coordinator.holders[document["run"]] = state.instance
            state.offer(Assignment.from_json(document), document)
        begun, taken = (document["run"] for document in documents)
        state.take([begun, taken])
        state.begin(begun)
    with host.running():
        coordinator.wait(lambda: coordinator.of(begun) and coordinator.of(taken))

    assert "stopped while the tool was at work" in coordinator.of(begun)[0]["local"]["errors"]
    assert list(host.tool.began) == [taken]


def test_a_run_that_streams_is_carried_on_after_a_restart(host: Host, coordinator: Coordinator) -> None:
    seen: list[dt.datetime | None] = []

    def stream(run: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> JSON:
        seen.append(run.since)
        emit({"more": True})
        return {"done": True}

    host.tool.work = stream
    came_to = soon(-2)
    with contextlib.closing(State(host.folder)) as state:
        document = assignment(
            soon(-5), seconds=600, streams=True, test="idlebgm", tool="sleepbgm", spec={"duration": "PT1H"}
        )
        run = str(document["run"])
        coordinator.holders[run] = state.instance
        state.offer(Assignment.from_json(document), document)
        state.take([run])
        state.begin(run)
        state.add(
            Result(document["task"], run, 1, came_to, {"result": {}, "errors": None, "diags": ""}, False)
        )
    with host.running():
        coordinator.wait(lambda: len(coordinator.of(run)) == 3)

    assert [each["number"] for each in coordinator.of(run)] == [1, 2, 3]
    assert seen == [came_to]


def test_stopping_reports_what_is_at_work_as_interrupted(host: Host, coordinator: Coordinator) -> None:
    host.tool.work = lambda run, machine, emit: machine.sleep_until(run.end)
    with host.running():
        run = coordinator.offer(assignment(soon(), seconds=600))
        coordinator.wait(lambda: run in coordinator.started)
    with host.running():
        coordinator.wait(lambda: coordinator.of(run))

    assert "stopped while the tool was at work" in coordinator.of(run)[0]["local"]["errors"]


def test_a_result_that_is_too_large_has_a_failure_in_its_place(host: Host, coordinator: Coordinator) -> None:
    coordinator.failures["results"] = [413]
    with host.running():
        run = coordinator.offer(assignment(soon()))
        coordinator.wait(lambda: coordinator.of(run))

    assert "could not be handed over" in coordinator.of(run)[0]["local"]["errors"]


def test_a_result_that_is_never_taken_is_dropped(host: Host, coordinator: Coordinator) -> None:
    coordinator.failures["results"] = [400]
    with host.running() as agent:
        run, after = coordinator.offer(assignment(soon())), coordinator.offer(assignment(soon()))
        coordinator.wait(lambda: len(coordinator.results) == 1)
        coordinator.wait(lambda: agent.spool.waiting() == (0, 0) or coordinator.ring())

    assert len(coordinator.of(run)) + len(coordinator.of(after)) == 1


def test_an_agent_whose_secret_is_revoked_starts_nothing_and_says_so(
    host: Host, coordinator: Coordinator
) -> None:
    with host.running() as agent:
        run = coordinator.offer(assignment(soon(15)))
        coordinator.wait(lambda: run in coordinator.holders)
        coordinator.secrets.clear()
        coordinator.ring()
        until = time.monotonic() + 15
        while agent.runs.may_start and time.monotonic() < until:
            coordinator.ring()
            time.sleep(0.1)
        assert not agent.runs.may_start
        time.sleep(
            max(0.0, (parse_timestamp(coordinator.runs[run]["start"]) - dt.datetime.now(UTC)).total_seconds())
        )
        agent._write_status()

    assert host.tool.began == {}
    assert read(host.folder)["trouble"] == "This secret is not known."


def test_what_was_taken_goes_on_while_the_node_is_suspended(host: Host, coordinator: Coordinator) -> None:
    with host.running() as agent:
        run = coordinator.offer(assignment(soon(3)))
        coordinator.wait(lambda: run in coordinator.holders)
        coordinator.failures["contact"] = [403] * 100
        coordinator.ring()
        coordinator.wait(lambda: coordinator.of(run))
        coordinator.wait(lambda: len(coordinator.failures["contact"]) < 100)
        agent._write_status()

    assert coordinator.of(run)[0]["local"]["result"] == {"ok": True}
    assert read(host.folder)["trouble"] == "It was told to fail."


def test_an_agent_that_is_too_old_says_so_and_takes_nothing(host: Host, coordinator: Coordinator) -> None:
    coordinator.failures["contact"] = [426] * 100
    with host.running() as agent:
        run = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: len(coordinator.failures["contact"]) < 100)
        until = time.monotonic() + 20
        while not read(host.folder) and time.monotonic() < until:
            time.sleep(0.05)
        held = agent.runs.held()

    assert read(host.folder)["trouble"] == "It was told to fail."
    assert (run in coordinator.holders, held) == (False, [])


def test_the_status_follows_what_is_at_work_between_contacts(
    host: Host, coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STATUS_EVERY", 0.2)
    coordinator.every = 600.0
    host.tool.work = lambda run, machine, emit: machine.sleep_until(run.end)
    with host.running() as agent:
        run = coordinator.offer(assignment(soon(), seconds=600))
        coordinator.wait(lambda: run in host.tool.began)
        contacts = len(coordinator.contacts)
        until = time.monotonic() + 20
        while read(host.folder).get("at-work") != 1 and time.monotonic() < until:
            time.sleep(0.05)
        said = read(host.folder)
        agent.runs.cancel(run)

    assert said["at-work"] == 1
    assert len(coordinator.contacts) == contacts


def test_questions_are_answered(host: Host, coordinator: Coordinator) -> None:
    until = (dt.datetime.now(UTC) + 60 * SECOND).isoformat()
    coordinator.asks = [
        {"id": "1", "what": "clock", "argument": None, "until": until},
        {"id": "2", "what": "mtu-safe", "argument": "127.0.0.1", "until": until},
        {"id": "3", "what": "weather", "argument": None, "until": until},
        {"id": "4", "what": "clock", "argument": None, "until": "2020-01-01T00:00:00Z"},
    ]
    with host.running():
        coordinator.wait(lambda: len(coordinator.answers) == 3)

    assert set(coordinator.answers["1"]) >= {"time", "synchronized", "source"}
    assert coordinator.answers["2"]["safe"] is True
    assert "weather" in coordinator.answers["3"]["error"]


def test_facts_are_told_again_when_they_are_wanted(host: Host, coordinator: Coordinator) -> None:
    with host.running():
        coordinator.wait(lambda: coordinator.facts)
        coordinator.facts = None
        coordinator.ring()
        coordinator.wait(lambda: coordinator.facts)


def test_more_runs_than_are_allowed_at_a_time_are_refused(host: Host, coordinator: Coordinator) -> None:
    host.policy.write_text('{"most-runs": 1}')
    start = soon(600)
    with host.running():
        first = coordinator.offer(assignment(start, seconds=10))
        coordinator.wait(lambda: first in coordinator.holders)
        beside = coordinator.offer(assignment(start + 5 * SECOND, seconds=10))
        after = coordinator.offer(assignment(start + 10 * SECOND, seconds=10))
        coordinator.wait(lambda: after in coordinator.holders and coordinator.refused)

    assert list(coordinator.refused) == [beside]


def test_an_agent_survives_a_coordinator_that_is_away(tmp_path: pathlib.Path) -> None:
    coordinator = Coordinator()
    with serving(coordinator) as running:
        host = Host(tmp_path / "state", coordinator)
        port = int(running.url.rpartition(":")[2].partition("/")[0])
    with host.running():
        time.sleep(1)
        with serving(coordinator, port):
            run = coordinator.offer(assignment(soon(3)))
            coordinator.wait(lambda: coordinator.of(run), 30)
