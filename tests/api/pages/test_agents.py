"""What agents say to their coordinator (docs/agent-protocol.md)."""

import datetime as dt
import gzip
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain import host_facts
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.messages import EndWait
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import SECOND, UTC, parse_timestamp
from chalicelib.infrastructure import agent_queues
from chalicelib.infrastructure.aws import client
from chalicelib.service.agents import contacts, rates
from chalicelib.service.coordination import collection
from chalicelib.service.execution import reaper, waits
from chalicelib.service.node import agent_bell, agent_facts, agent_questions, node_directory, registration
from chalicelib.settings import forget_settings
from chalicelib.store import node_registry, run_table
from tests.agents import Agent, registered
from tests.api.conftest import IDLE, Api, query
from tests.requests_sent import counted
from tests.service.machines import FakeMachine

AMS = "ams.example.org"
DONE = {"succeeded": True, "diags": "", "error": None, "result": {"succeeded": True, "time-slept": "PT2S"}}


@pytest.fixture
def agent(api: Api) -> Iterator[Agent]:
    """The agent of a node of its own, joined."""
    _, token = registered(AMS)
    one = Agent(api)
    one.join(token)
    yield one
    agent_facts.forget()
    rates.forget()


def posted(api: Api, host: str = AMS, **changes: Any) -> TaskId:
    """A task of an agent's node, to begin in a few seconds."""
    start = (dt.datetime.now(UTC) + 5 * SECOND).replace(microsecond=0).isoformat()
    document = {**IDLE, "schedule": {"start": start}, **changes}
    status, href = api.ask("POST", "/tasks", document, Host=host)
    assert status == 200, href
    return TaskId(href.rsplit("/", 1)[-1])


def run_of(task: TaskId, node: str = AMS) -> Run:
    uuid = run_table.first(NodeName(node), task)
    assert uuid is not None
    return run_table.get(NodeName(node), task, uuid)


def taken(api: Api, agent: Agent, **changes: Any) -> tuple[Assignment, TaskId]:
    """A run that the agent has taken."""
    task = posted(api, **changes)
    (offered,) = agent.offered()
    assert agent.claim(offered) == {"taken": [offered.run], "gone": []}
    return offered, task


# --- joining and leaving -------------------------------------------------------------------------


def test_an_agent_joins_once_with_its_token_and_is_known_by_its_secret(api: Api) -> None:
    node, token = registered(AMS)
    agent = Agent(api)

    answer = agent.join(token)
    contact = agent.contact()
    again = Agent(api).say("POST", "join", {"token": token, "version": "1", "instance": agent.instance})

    assert (answer["node"], answer["hostname"], answer["url"]) == (AMS, AMS, f"https://{AMS}/pscheduler")
    assert contact["every"] > 0
    assert again[0] == 409
    assert agent_facts.of(node)["tools"]["snooze"]["unmet"] == []


def test_an_answer_to_joining_that_was_lost_is_made_good_by_joining_again(api: Api) -> None:
    _, token = registered(AMS)
    agent, thief = Agent(api), Agent(api)
    said = {"token": token, "version": "1", "instance": agent.instance}
    lost = agent.tell("POST", "join", said)["secret"]

    stolen = thief.say("POST", "join", {**said, "instance": thief.instance})
    agent.join(token)

    assert stolen[0] == 409
    assert agent.secret != lost
    assert agent.contact()["every"] > 0
    assert agent.say("POST", "join", said)[0] == 409


def test_facts_that_are_none_use_up_no_token(api: Api) -> None:
    _, token = registered(AMS)
    agent = Agent(api)
    said = {"token": token, "version": "1", "instance": agent.instance, "facts": {"schema": 1}}

    status, text = agent.say("POST", "join", said)

    assert status == 400
    assert text.startswith("/facts: ")
    assert agent.join(token)["node"] == AMS


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"X-Agent-Protocol": ""}, 426, "X-Agent-Protocol"),
        ({"X-Agent-Protocol": "0"}, 426, "this coordinator 1"),
        ({"X-Agent-Protocol": "99"}, 426, "this coordinator 1"),
        ({"X-Agent-Protocol": "one"}, 400, "not a version of the protocol"),
        ({"Authorization": ""}, 401, "secret"),
        ({"Authorization": "Bearer psa.ams.example.org.x"}, 401, "secret"),
        ({"Authorization": f"Bearer psa.ams.example.org.{'A' * 43}"}, 401, "unknown"),
        ({"Authorization": f"Bearer psa.other.example.org.{'A' * 43}"}, 401, "unknown"),
    ],
)
def test_who_is_not_known_or_speaks_another_protocol_is_told(
    agent: Agent, headers: dict[str, str], status: int, word: str
) -> None:
    for method, what in (("POST", "contact"), ("GET", "bell"), ("POST", "results"), ("PUT", "facts")):
        got, text = agent.say(method, what, {} if method != "GET" else None, **headers)

        assert (got, word in text) == (status, True)


def test_a_rotated_secret_is_good_until_the_new_one_is_used(agent: Agent) -> None:
    new = agent.tell("POST", "rotate")["secret"]
    agent.contact()
    old, agent.secret = agent.secret, new

    agent.contact()

    agent.secret = old
    assert agent.say("POST", "contact", {})[0] == 401


def test_who_has_left_is_not_known_any_more(agent: Agent) -> None:
    assert agent.say("POST", "leave")[0] == 204

    assert agent.say("POST", "leave")[0] == 401


def test_a_suspended_nodes_agent_takes_nothing_more_and_hands_back_what_it_has(
    api: Api, agent: Agent
) -> None:
    offered, task = taken(api, agent)
    registration.change(NodeName(AMS), lambda known: known.evolve(suspended=True))

    refused = agent.say("POST", "contact", {})[0]
    go = agent.start(offered)
    kept = agent.report(offered, DONE)

    assert refused == 403
    assert (go, kept) == ({"go": True}, (200, {"kept": "result"}))
    assert run_of(task).state is State.FINISHED


# --- runs ----------------------------------------------------------------------------------------


def test_a_run_is_offered_taken_started_and_reported(api: Api, agent: Agent) -> None:
    before = agent.tell("GET", "bell?since=0&wait=0")["bell"]
    task = posted(api)
    rung = agent.tell("GET", f"bell?since={before}&wait=0")["bell"]

    (offered,) = agent.offered()
    agent.claim(offered)
    held = agent.contact()
    go = agent.start(offered)
    under_way = run_of(task)
    kept = agent.report(offered, DONE)

    assert rung > before
    assert (offered.test, offered.tool, offered.spec) == ("idle", "snooze", IDLE["test"]["spec"])
    assert held["runs"] == []
    assert go == {"go": True}
    assert (under_way.state, under_way.holder) == (State.RUNNING, agent.instance)
    assert kept == (200, {"kept": "result"})
    ended = run_of(task)
    assert ended.state is State.FINISHED
    assert ended.documents.result_merged["succeeded"] is True
    assert ended.documents.result_full == [DONE]


def test_a_start_that_nobody_heard_of_changes_nothing_of_the_result(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)

    assert agent.report(offered, DONE) == (200, {"kept": "result"})

    assert run_of(task).state is State.FINISHED


def test_a_result_handed_over_again_is_known_and_stored_once(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)
    agent.report(offered, DONE)
    before = run_of(task)

    assert agent.report(offered, {"succeeded": False}) == (200, {"kept": "known"})

    assert run_of(task) == before


def test_a_claim_that_was_not_heard_is_made_again(api: Api, agent: Agent) -> None:
    offered, _ = taken(api, agent)

    assert agent.claim(offered)["taken"] == [offered.run]


def test_a_run_is_taken_as_it_is_offered_where_the_agent_has_room_for_it(api: Api, agent: Agent) -> None:
    first, _ = posted(api), posted(api)

    answer = agent.contact(take=1)

    (taken,) = answer["taken"]
    offered = {each["run"]: Assignment.from_json(each) for each in answer["runs"]}
    assert len(offered) == 2
    agent.held[taken] = offered[taken]
    assert run_table.get(NodeName(AMS), TaskId(offered[taken].task), RunId(taken)).holder == agent.instance
    assert agent.start(offered[taken]) == {"go": True}
    assert agent.report(offered[taken], DONE) == (200, {"kept": "result"})
    assert [each["run"] for each in agent.contact()["runs"]] == [run for run in offered if run != taken]
    assert run_of(first).holder in (None, agent.instance)


def test_what_was_taken_in_an_answer_that_was_not_heard_is_offered_again_to_that_instance(
    api: Api, agent: Agent
) -> None:
    task = posted(api)
    clone = Agent(agent.asked, agent.secret)
    lost = agent.contact(take=50)["taken"]

    by_another = clone.contact(take=50)
    again = agent.contact(take=50)

    assert (by_another["runs"], by_another["taken"]) == ([], [])
    assert [each["run"] for each in again["runs"]] == again["taken"] == lost == [run_of(task).uuid]


def test_what_was_taken_as_it_was_offered_can_be_refused(api: Api, agent: Agent) -> None:
    task = posted(api)
    (offered,) = (Assignment.from_json(each) for each in agent.contact(take=50)["runs"])

    agent.refuse(offered, "agent-policy", "Not here")

    assert run_of(task).state is State.NONSTART
    assert run_of(task).documents.reason["code"] == "agent-policy"


def test_an_agent_that_takes_nothing_as_it_is_offered_claims_it(api: Api, agent: Agent) -> None:
    task = posted(api)

    answer = agent.contact()

    assert (len(answer["runs"]), answer["taken"]) == (1, [])
    assert run_of(task).holder is None


def test_of_two_instances_one_has_a_run(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)
    clone = Agent(agent.asked, agent.secret)

    assert clone.offered() == []
    assert [gone["run"] for gone in clone.claim(offered)["gone"]] == [offered.run]
    assert clone.start(offered)["go"] is False
    assert clone.report(offered, DONE)[0] == 409
    assert run_of(task).state is State.PENDING


def test_what_an_agent_cannot_take_is_gone_with_a_reason(agent: Agent) -> None:
    names = {"task": str(uuid.uuid4()), "run": str(uuid.uuid4())}

    answer = agent.tell("POST", "claims", {"instance": agent.instance, "take": [names]})

    assert answer == {"taken": [], "gone": [{"run": names["run"], "message": "It was cancelled"}]}


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("agent-policy", State.NONSTART),
        ("agent-clock", State.NONSTART),
        ("agent-tool", State.NONSTART),
        ("agent-late", State.MISSED),
    ],
)
@pytest.mark.parametrize("is_taken", [False, True])
def test_a_refused_run_ends_with_the_reason(
    api: Api, agent: Agent, code: str, state: State, is_taken: bool
) -> None:
    task = posted(api)
    (offered,) = agent.offered()
    if is_taken:
        agent.claim(offered)

    agent.refuse(offered, code, "The owner says no")

    ended = run_of(task)
    assert ended.state is state
    assert ended.documents.reason == {"code": code, "message": "The owner says no"}
    assert agent.offered() == []


def test_a_run_that_is_another_instances_is_not_refused(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)

    Agent(agent.asked, agent.secret).refuse(offered, "agent-policy")

    assert run_of(task).state is State.PENDING


def test_a_cancelled_run_is_told_of_until_it_is_let_go_and_is_not_started(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)
    assert agent.contact()["cancelled"] == []

    assert api.ask("DELETE", f"/tasks/{task}", Host=AMS)[0] == 200

    told = [agent.contact()["cancelled"] for _ in range(2)]
    assert told == [[{"task": task, "run": offered.run}]] * 2
    assert agent.start(offered)["go"] is False
    agent.held.clear()
    assert agent.contact()["cancelled"] == []


def test_a_node_that_is_paused_starts_nothing(
    api: Api, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered, task = taken(api, agent)
    monkeypatch.setattr("chalicelib.service.node.pause.seems_paused", lambda node, now: True)

    answer = agent.start(offered)

    assert answer == {"go": False, "reason": "The node was paused"}
    assert run_of(task).state is State.MISSED


# --- giving up -----------------------------------------------------------------------------------


def test_a_run_that_nobody_takes_is_missed_with_the_reason(api: Api, agent: Agent) -> None:
    task = posted(api)
    run = run_of(task)

    reaper.give_up(run.node, task, run.uuid, run.start + 31 * SECOND)

    ended = run_of(task)
    assert ended.state is State.MISSED
    assert ended.documents.reason["code"] == "agent-unreachable"


def test_a_run_of_an_agent_that_is_away_is_waited_for(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)

    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 31 * SECOND)
    until_next_contact = run_of(task)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 121 * SECOND)
    waited_for = run_of(task)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 899 * SECOND)
    still = run_of(task)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 901 * SECOND)

    assert until_next_contact.leased_until == offered.end + 120 * SECOND
    assert waited_for == still
    assert waited_for.state is State.PENDING
    assert waited_for.leased_until == offered.end + 900 * SECOND
    assert run_of(task).state is State.OVERDUE


def test_a_run_that_an_agent_says_nothing_of_at_its_next_contact_is_given_up_then(
    api: Api, agent: Agent
) -> None:
    offered, task = taken(api, agent)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 31 * SECOND)
    heard = {"at": (offered.end + 60 * SECOND).isoformat(), "waiting": 0}
    node_registry.note_contact(NodeName(AMS), heard)

    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 121 * SECOND)

    assert run_of(task).state is State.OVERDUE


@pytest.mark.parametrize(("waiting", "state"), [(0, State.OVERDUE), (1, State.PENDING)])
def test_a_run_that_an_agent_says_nothing_of_is_given_up_soon(
    api: Api, agent: Agent, waiting: int, state: State
) -> None:
    offered, task = taken(api, agent)
    heard = {"at": (offered.end + SECOND).isoformat(), "waiting": waiting}
    node_registry.note_contact(NodeName(AMS), heard)

    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 31 * SECOND)

    assert run_of(task).state is state


def test_a_result_that_comes_too_late_is_kept_and_changes_no_state(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 31 * SECOND)
    reaper.give_up(NodeName(AMS), task, offered.run, offered.end + 901 * SECOND)

    kept = [agent.report(offered, DONE)[1]["kept"] for _ in range(2)]

    assert kept == ["late", "known"]
    ended = run_of(task)
    assert ended.state is State.OVERDUE
    shown = api.ask("GET", f"/tasks/{task}/runs/{offered.run}", Host=AMS)[1]
    assert shown["late"]["local"]["result"] == DONE
    assert shown["state"] == "overdue"


# --- results one by one --------------------------------------------------------------------------

STREAM = {"test": {"type": "idlebgm", "spec": {"duration": "PT1M", "interval": "PT10S"}}}


def test_streamed_results_become_runs_each_once(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent, **STREAM)
    agent.start(offered)
    one = {"succeeded": True, "number": 1}

    kept = [agent.report(offered, one, number, final=False)[1]["kept"] for number in (1, 2, 1)]
    final = agent.report(offered, {"succeeded": True}, 3)

    assert kept == ["result", "result", "known"]
    assert final == (200, {"kept": "result"})
    runs = list(run_table.in_order(NodeName(AMS), task))
    assert [run.state for run in runs] == [State.FINISHED] * 3


def test_more_results_than_there_can_be_are_refused(api: Api, agent: Agent) -> None:
    offered, _ = taken(api, agent, **STREAM)

    status, text = agent.report(offered, {}, 5000, final=False)

    assert status == 400
    assert text.startswith("/number: ")


def test_a_test_with_one_result_streams_none(api: Api, agent: Agent) -> None:
    offered, _ = taken(api, agent)

    assert agent.report(offered, DONE, final=False)[0] == 400


# --- what strangers send -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "body", "pointer"),
    [
        ("contact", {"instance": "x", "version": "1", "held": []}, "/instance"),
        ("contact", {"version": "1", "held": [], "instance": str(uuid.uuid4()), "waiting": -1}, "/waiting"),
        ("contact", [], "/"),
        ("claims", {"instance": str(uuid.uuid4()), "take": [{}] * 101}, "/take"),
        (
            "claims",
            {"instance": str(uuid.uuid4()), "refuse": [{"task": "a", "run": "b", "code": "x"}]},
            "/refuse/0",
        ),
        ("starts", {"instance": 5}, "/"),
        ("results", {"instance": str(uuid.uuid4())}, "/"),
        ("answers", {"ask": "x", "answer": 1}, "/ask"),
        ("answers", {"ask": str(uuid.uuid4()), "answer": "x" * 20000}, "/answer"),
    ],
)
def test_what_is_wrong_is_pointed_at(agent: Agent, what: str, body: Any, pointer: str) -> None:
    status, text = agent.say("POST", what, body)

    assert status in (400, 413)
    assert text.startswith(pointer)


def test_a_body_may_be_compressed_and_is_bounded_all_the_same(api: Api, agent: Agent) -> None:
    facts = agent_facts.of(NodeName(AMS))
    packed = {"Content-Encoding": "gzip"}

    good = agent.say("PUT", "facts", gzip.compress(json.dumps(facts).encode()), **packed)
    bomb = agent.say("PUT", "facts", gzip.compress(b" " * 40_000_000), **packed)
    half = agent.say("PUT", "facts", gzip.compress(json.dumps(facts).encode())[:-20], **packed)
    none = agent.say("PUT", "facts", b"{}", **packed)

    assert [status for status, _ in (good, bomb, half, none)] == [204, 413, 400, 400]


def test_too_many_requests_are_put_off(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "AT_ONCE", 3.0)
    monkeypatch.setattr(rates, "A_SECOND", 0.001)
    rates.forget()

    statuses = [agent.say("POST", "contact", {})[0] for _ in range(4)]

    assert statuses == [400, 400, 400, 429]


def standing(*tasks: TaskId) -> Any:
    """All that an agent could have changed."""
    node = NodeName(AMS)
    return [run_of(task) for task in tasks], node_registry.contact(node), agent_facts.of(node)


def test_a_stolen_secret_of_another_node_changes_nothing(api: Api, agent: Agent) -> None:
    offered, task = taken(api, agent)
    waiting = posted(api)
    _, token = registered("thief.example.org")
    thief = Agent(api)
    thief.join(token)
    thief.instance = agent.instance
    before = standing(task, waiting)

    assert thief.offered() == []
    other = run_of(waiting)
    names = {"task": waiting, "run": other.uuid}
    claimed = thief.tell("POST", "claims", {"instance": thief.instance, "take": [names]})
    thief.refuse(offered, "agent-policy")
    assert [gone["run"] for gone in claimed["gone"]] == [other.uuid]
    assert thief.start(offered)["go"] is False
    assert thief.report(offered, DONE) == (200, {"kept": "gone"})
    assert thief.say("PUT", "facts", {"schema": 1, "tools": {}})[0] == 204
    agent_facts.forget()
    assert standing(task, waiting) == before


def test_private_members_of_a_spec_reach_the_agent_and_no_stranger(api: Api, agent: Agent) -> None:
    spec = {
        "dest": "192.0.2.1",
        "version": "2c",
        "_community": "kanarienvogel77",
        "oid": ["1.3.6.1.2.1.1.1.0"],
        "polls": 1,
    }
    task = posted(api, test={"type": "snmpget", "spec": spec})

    (offered,) = agent.offered()

    assert offered.spec["_community"] == "kanarienvogel77"
    assert "kanarienvogel77" not in json.dumps(api.ask("GET", f"/tasks/{task}", Host=AMS)[1])
    assert "kanarienvogel77" not in json.dumps(node_registry.contact(NodeName(AMS)))


# --- what the host can do ------------------------------------------------------------------------


def with_facts(agent: Agent, **changes: Any) -> None:
    """Have the agent's host say something else of itself."""
    facts = agent_facts.of(NodeName(AMS))
    agent.tell("PUT", "facts", {**facts, **changes})


def test_a_tool_is_chosen_by_what_the_agents_host_has(api: Api, agent: Agent) -> None:
    tools = agent_facts.of(NodeName(AMS))["tools"]
    lacking = {**tools, "snooze": {"version": "1.0", "unmet": ["There is no bed here"]}}
    with_facts(agent, tools={name: each for name, each in lacking.items() if name != "sleep"})
    spec = json.dumps(IDLE["test"]["spec"])

    there = api.ask("GET", query("/tests/idle/tools", spec=spec), Host=AMS)[1]
    here = api.ask("GET", query("/tests/idle/tools", spec=spec))[1]
    verdicts = api.ask("GET", query("/tools", test=json.dumps(IDLE["test"]), api="6"), Host=AMS)[1]
    status, text = api.ask("POST", "/tasks", IDLE, Host=AMS)

    assert (there, [href.rsplit("/", 1)[-1] for href in here]) == ([], ["snooze"])
    reasons = {each["tool"]["name"]: each["can-run"].get("reasons") for each in verdicts}
    assert reasons["snooze"] == ["There is no bed here"]
    assert reasons["sleep"] == [f"The agent of {AMS} does not have this tool"]
    assert (status, "There is no bed here" in text) == (422, True)


def test_a_node_whose_agent_never_joined_can_do_nothing_and_says_so(api: Api) -> None:
    registered(AMS)

    status, text = api.ask("POST", "/tasks", IDLE, Host=AMS)

    assert (status, "has not joined yet" in text) == (422, True)


def test_digests_tell_whether_facts_are_wanted(agent: Agent) -> None:
    facts = agent_facts.of(NodeName(AMS))

    known = agent.contact(facts=host_facts.digest(facts))["facts-wanted"]
    changed = agent.contact(facts=host_facts.digest({**facts, "settings": {"x": {"y": "z"}}}))["facts-wanted"]

    assert (known, changed) == (False, True)


def test_the_clock_is_asked_of_the_host(api: Api, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"time": "2026-11-23T12:00:00.000000+00:00", "synchronized": True, "source": "ntp", "offset": 0.5}

    def answer(seconds: float) -> None:
        (ask,) = agent.contact()["asks"]
        assert (ask["what"], ask["argument"]) == ("clock", None)
        agent.tell("POST", "answers", {"ask": ask["id"], "answer": {**state, "more": 1}})

    monkeypatch.setattr("chalicelib.api.http.router.time.sleep", answer)

    assert api.ask("GET", "/clock", Host=AMS) == (200, state)
    assert agent.contact()["bell"] == 1


def test_an_agent_that_is_away_is_said_to_be(api: Api, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.contact()
    monkeypatch.setattr(agent_questions, "WAIT", 0.2)

    status, text = api.ask("GET", "/clock", Host=AMS)
    safe = api.ask("GET", "/mtu-safe?dest=192.0.2.1", Host=AMS)

    assert (status, "is away: it was last heard from at" in text) == (503, True)
    assert (safe[0], safe[1]["safe"]) == (200, False)
    assert "is away" in safe[1]["message"]


@pytest.mark.parametrize("answer", [None, 5, {}, {"safe": "yes"}, {"error": "No"}])
def test_an_answer_that_is_none_is_not_told(
    api: Api, agent: Agent, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(agent_questions, "WAIT", 0.2)

    def reply(seconds: float) -> None:
        for ask in agent.contact()["asks"]:
            agent.say("POST", "answers", {"ask": ask["id"], "answer": answer})

    monkeypatch.setattr("chalicelib.api.http.router.time.sleep", reply)

    assert api.ask("GET", "/clock", Host=AMS)[0] == 503
    assert api.ask("GET", "/mtu-safe?dest=a", Host=AMS)[1]["safe"] is False


# --- several participants ------------------------------------------------------------------------

BER = "ber.example.org"
STREAMED = {"test": {"type": "simplestream", "spec": {"source": AMS, "dest": BER, "timeout": "PT2S"}}}


@pytest.fixture
def other(api: Api, agent: Agent) -> Agent:
    _, token = registered(BER)
    one = Agent(api)
    one.join(token)
    return one


def both_taken(api: Api, agent: Agent, other: Agent) -> tuple[Assignment, Assignment, TaskId]:
    task = posted(api, **STREAMED)
    (ours,), (theirs,) = agent.offered(), other.offered()
    agent.claim(ours)
    other.claim(theirs)
    return ours, theirs, task


def ended(task: TaskId, run: str, at: dt.datetime) -> Run:
    """The lead's run once a message that says its wait is over was taken."""
    waits.end(EndWait(NodeName(AMS), task, RunId(run), at), FakeMachine(at))
    return run_of(task)


def test_co_hosted_nodes_agree_wherever_their_tools_are(api: Api, agent: Agent, other: Agent) -> None:
    ours, theirs, task = both_taken(api, agent, other)

    assert ours.run == theirs.run
    assert ours.participant_data == theirs.participant_data
    assert [sorted(each) for each in ours.participant_data] == [[], ["listen-port"]]
    assert (ours.participant, theirs.participant) == (0, 1)

    sent = {"succeeded": True, "result": {"dawdled": "PT0S", "sent": "x"}, "error": None, "diags": ""}
    got = {"succeeded": True, "result": {"elapsed-time": "PT1S", "received": "x"}, "error": None, "diags": ""}
    assert other.report(theirs, got)[1] == agent.report(ours, sent)[1] == {"kept": "result"}
    merged = ended(task, ours.run, ours.end)

    assert merged.state is State.FINISHED
    assert merged.documents.result_full == [sent, got]
    assert run_of(task, BER).state is State.FINISHED


def test_the_result_of_an_agent_that_is_away_is_waited_for_without_a_worker(
    api: Api, agent: Agent, other: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs, task = both_taken(api, agent, other)
    again: list[dt.datetime] = []
    monkeypatch.setattr(
        "chalicelib.service.scheduling.dispatch.send_when_over",
        lambda run, until, diags="": again.append(until),
    )
    agent.report(ours, DONE)

    for late in (0, 60, 600):
        at = ours.end + late * SECOND
        assert ended(task, ours.run, at).state is State.CLEANUP
        reaper.give_up(NodeName(AMS), task, RunId(ours.run), at)
    other.report(theirs, DONE)
    merged = ended(task, ours.run, ours.end + 610 * SECOND)

    assert [moment - ours.end for moment in again[1:]] == [1 * SECOND, 70 * SECOND, 610 * SECOND]
    assert merged.state.is_final
    assert merged.documents.result_full == [DONE, DONE]


def test_a_participant_that_never_reports_is_not_waited_for_for_ever(
    api: Api, agent: Agent, other: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "RESULTS", 1.2)
    ours, _, task = both_taken(api, agent, other)
    agent.report(ours, DONE)

    merged = ended(task, ours.run, ours.end + 901 * SECOND)

    assert merged.state is State.FAILED
    assert merged.documents.result_full == [DONE, None]


# --- the queue as a carrier ----------------------------------------------------------------------


@pytest.fixture
def by_queue(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An agent that joined where each has a queue."""
    monkeypatch.setenv("PSCHEDULER_AGENT_CARRIER", "queue")
    forget_settings()
    agent_queues.forget()
    _, token = registered(AMS)
    one = Agent(api)
    one.join(token)
    yield one
    monkeypatch.undo()
    forget_settings()
    agent_queues.forget()


def rings() -> int:
    """How many messages are in the agent's queue."""
    where = agent_queues.url_of(NodeName(AMS))
    name = "ApproximateNumberOfMessages"
    found = client("sqs").get_queue_attributes(QueueUrl=where, AttributeNames=[name])
    return int(found["Attributes"][name])


def test_an_agent_on_a_queue_gets_a_url_for_it_and_comes_rarely(api: Api, by_queue: Agent) -> None:
    idle = by_queue.contact()
    posted(api)
    (offered,) = by_queue.offered()
    by_queue.claim(offered)
    busy = by_queue.contact()

    assert idle["carrier"]["kind"] == "queue"
    assert idle["carrier"]["url"].startswith(agent_queues.url_of(NodeName(AMS)) or "none")
    assert parse_timestamp(idle["carrier"]["expires"]) > dt.datetime.now(UTC) + 3000 * SECOND
    assert rings() == 1
    assert (idle["every"], busy["every"]) == (600, 60)


def test_a_queue_goes_with_its_agent(by_queue: Agent) -> None:
    by_queue.tell("POST", "leave")

    assert agent_queues.url_of(NodeName(AMS)) is None


def test_an_agent_without_its_queue_listens_at_the_coordinator(by_queue: Agent) -> None:
    agent_queues.delete(NodeName(AMS))

    answer = by_queue.contact()

    assert (answer["carrier"], answer["every"]) == ({"kind": "https"}, 60)


# --- how far a contact looks -----------------------------------------------------------------------


def told(agent: Agent, now: dt.datetime, *held: Assignment, **changes: Any) -> list[str]:
    """The runs an agent is offered in a contact at an instant, holding some."""
    names = [{"task": each.task, "run": each.run, "start": each.start.isoformat()} for each in held]
    said = {"instance": agent.instance, "version": "1", "held": names, **changes}
    return [each["run"] for each in contacts.contact(node_directory.served(NodeName(AMS)), said, now)["runs"]]


def starting_at(api: Api, start: dt.datetime) -> RunId:
    return run_of(posted(api, schedule={"start": start.isoformat()})).uuid


@pytest.fixture
def soon() -> dt.datetime:
    """When all that was written is to be seen in every index."""
    return dt.datetime.now(UTC).replace(microsecond=0) + 10 * SECOND


def test_a_run_is_offered_once_its_time_comes_near_though_no_bell_rings(
    api: Api, agent: Agent, soon: dt.datetime
) -> None:
    run = starting_at(api, soon + 1200 * SECOND)

    offered = [told(agent, soon + seconds * SECOND) for seconds in (0, 20, 299, 301, 320)]

    assert offered == [[], [], [], [run], [run]]


def test_what_was_offered_is_offered_until_it_is_held(api: Api, agent: Agent, soon: dt.datetime) -> None:
    run = starting_at(api, soon + 600 * SECOND)
    (offered,) = agent.offered()

    assert told(agent, soon) == told(agent, soon + 20 * SECOND) == [run]
    assert told(agent, soon + 40 * SECOND, offered) == told(agent, soon + 60 * SECOND, offered) == []
    assert told(agent, soon + 80 * SECOND) == []  # it may have ended: all is looked at before long
    assert told(agent, soon + 341 * SECOND) == [run]
    assert told(agent, soon + 350 * SECOND, offered, instance=str(uuid.uuid4())) == []
    assert told(agent, soon + 360 * SECOND, instance=str(uuid.uuid4())) == [run]


def test_what_the_bell_rang_for_is_offered_wherever_was_looked_before(
    api: Api, agent: Agent, soon: dt.datetime
) -> None:
    told(agent, soon)
    run = starting_at(api, soon + 300 * SECOND)

    assert told(agent, soon + 20 * SECOND) == [run]


def test_what_no_bell_rang_for_is_offered_all_the_same_five_minutes_later(
    api: Api, agent: Agent, soon: dt.datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(agent, soon)
    monkeypatch.setattr(agent_bell, "ring", lambda *_: None)
    run = starting_at(api, soon + 800 * SECOND)

    assert told(agent, soon + 299 * SECOND) == []
    assert told(agent, soon + 300 * SECOND) == [run]


PRICES = {"GetItem": 0.125, "BatchGetItem": 3 * 0.125, "Query": 0.0625, "PutItem": 0.625, "UpdateItem": 0.625}
"""Dollars for a million of each, on demand in us-east-1 (November 2026): each takes up one unit, and one that
reads a batch three at most."""
GATEWAY, FUNCTION, GIGABYTE_SECOND, RECEIVE = 3.50, 0.20, 16.6667, 0.40
"""The same of a request to API Gateway (REST), of Lambda, of a second of a gigabyte of it, and of SQS."""
LONGEST_CONTACT = 0.1
"""Seconds a function is paid for in a contact, at the gigabyte it has."""
MONTH = 30 * 86_400


def test_an_idle_agent_costs_less_than_a_tenth_of_a_dollar_a_month(by_queue: Agent) -> None:
    facts = host_facts.digest(agent_facts.of(NodeName(AMS)))
    by_queue.contact(facts=facts)

    with counted() as sent:
        every = by_queue.contact(facts=facts)["every"]

    work = sum(PRICES[name] for name in sent) + GATEWAY + FUNCTION + LONGEST_CONTACT * GIGABYTE_SECOND
    receives, contacts = MONTH / agent_queues.WAIT, MONTH / every
    assert len(sent) <= 8
    assert (receives * RECEIVE + contacts * work) / 1e6 <= 0.10
