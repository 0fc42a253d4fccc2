"""What an agent is told in a contact, and what is kept of what it says."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import agent_queues
from chalicelib.service.agents import bell_carriers, contacts, looks, offers
from chalicelib.service.node import agent_bell, agent_facts, agent_questions, node_directory, registration
from chalicelib.store import (
    agent_bells,
    node_registry,
    node_table,
    run_items,
    run_table,
    task_items,
)
from tests.builders import NOON, at, run, seconds, task

AMS = NodeName("ams.example")
TASK = task(node=AMS, duration=seconds(60))


@pytest.fixture(autouse=True)
def _registered(empty_aws: None) -> None:
    registration.add(AMS, "agent", NOON)
    task_items.to_item(TASK, NOON).save()


def stored(start: float, owner: Task = TASK, **changes: Any) -> Run:
    one = run(owner, start, **{"dispatched": True, **changes})
    run_items.to_item(one).save()
    return one


def contact(now: dt.datetime = NOON, *held: Run, **changes: Any) -> dict[str, Any]:
    names = [{"task": each.task, "run": each.run if hasattr(each, "run") else each.uuid} for each in held]
    said = {"instance": "one", "version": "0.3", "held": names, **changes}
    return contacts.contact(node_directory.served(AMS), said, now)


def kept() -> dict[str, Any]:
    found: dict[str, Any] = node_registry.contact(AMS)
    return found


def test_an_agent_with_nothing_to_do_is_told_so() -> None:
    assert contact() == {
        "time": "2026-11-23T12:00:00+00:00",
        "every": 60,
        "bell": 0,
        "carrier": {"kind": "https"},
        "facts-wanted": True,
        "runs": [],
        "taken": [],
        "cancelled": [],
        "asks": [],
    }
    assert kept() == {
        "at": "2026-11-23T12:00:00+00:00",
        "instance": "one",
        "version": "0.3",
        "clock": None,
        "held": 0,
        "waiting": 0,
        "cancels": 0,
        "cancelled": [],
        "answered": 0,
        "looked": {
            "ring": 0,
            "until": "2026-11-23T12:15:00+00:00",
            "at-all": "2026-11-23T12:00:00+00:00",
            "offered": [],
        },
    }


def test_what_an_agent_says_is_kept() -> None:
    one = stored(5, holder="one")

    contact(NOON, one, clock={"synchronized": True}, waiting=4)

    assert {name: kept()[name] for name in ("clock", "held", "waiting")} == {
        "clock": {"synchronized": True},
        "held": 1,
        "waiting": 4,
    }


def test_runs_are_offered_and_as_many_taken_as_there_is_room_for() -> None:
    first, second, third = (stored(start) for start in (10, 20, 30))

    told = contact(NOON, third, take=1)

    assert [each["run"] for each in told["runs"]] == [first.uuid, second.uuid]
    assert told["taken"] == [first.uuid]
    assert [run_table.get(AMS, TASK.uuid, each.uuid).holder for each in (first, second)] == ["one", None]
    assert kept()["looked"]["offered"] == [first.uuid, second.uuid]


def test_an_agent_whose_bell_rang_comes_again_until_it_is_seen_what_for() -> None:
    agent_bell.ring(AMS, NOON)

    assert [contact(at(later))["every"] for later in (0, 2.9, 3)] == [1, 1, 60]
    assert (kept()["answered"], contact(at(10))["bell"]) == (0, 1)

    stored(10)
    agent_bell.ring(AMS, at(20))
    one = stored(25)
    told = contact(at(20))
    assert [each["run"] for each in told["runs"]] == [one.uuid]
    assert (told["every"], kept()["answered"]) == (60, 2)
    assert contact(at(21), one)["every"] == 60  # what it rang for was told, though there is no more
    assert kept()["answered"] == 2
    agent_bell.ring(AMS, at(22))
    assert contact(at(22), one)["every"] == 1


@pytest.mark.parametrize(("count", "every"), [(2, 60), (3, 1), (4, 1)])
def test_an_agent_comes_again_at_once_where_there_may_be_more(
    monkeypatch: pytest.MonkeyPatch, count: int, every: int
) -> None:
    for module in (contacts, looks, offers):
        monkeypatch.setattr(module, "MOST_OFFERED", 3)
    for number in range(count):
        stored(10 + number)

    told = contact()

    assert (len(told["runs"]), told["every"]) == (min(count, 3), every)


FACTS = {"schema": 1, "tools": {}}


@pytest.mark.parametrize(
    ("known", "said", "wanted"),
    [(FACTS, None, True), (FACTS, "other", True), (FACTS, "digest", False), (None, "digest", True)],
)
def test_facts_are_wanted_that_are_not_known(known: Any, said: str | None, wanted: bool) -> None:
    if known:
        agent_facts.take(AMS, known)
        if said == "digest":
            said = node_table.read(AMS, node_registry.DIGEST)

    assert contact(facts=said)["facts-wanted"] is wanted


def test_an_agent_is_told_what_is_asked_of_it_while_somebody_listens() -> None:
    agent_questions.ask(AMS, "clock", None, NOON, NOON)

    assert [len(contact(at(later))["asks"]) for later in (0, 4.9, 5)] == [1, 1, 0]


# --- what it is to let go ------------------------------------------------------------------------


def let_go(now: float, *held: Run, **changes: Any) -> list[str]:
    return [each["run"] for each in contact(at(now), *held, **changes)["cancelled"]]


def test_what_an_agent_holds_and_is_not_its_own_any_more_it_lets_go() -> None:
    mine, running = stored(10, holder="one"), stored(20, holder="one", state=State.RUNNING)
    theirs, over = stored(30, holder="two"), stored(40, holder="one", state=State.MISSED)
    reported, gone = stored(50, holder="one", state=State.FINISHED, received=1), run(TASK)

    told = contact(NOON, mine, running, theirs, over, reported, gone)

    expected = [{"task": TASK.uuid, "run": each.uuid} for each in (theirs, over, gone)]
    assert told["cancelled"] == kept()["cancelled"] == expected


def test_all_that_it_holds_is_looked_at_when_something_was_cancelled_since(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[Any] = []
    standing = run_table.standing
    monkeypatch.setattr(run_table, "standing", lambda *about: (looked.append(about), standing(*about))[1])
    one, other = stored(100, holder="one"), stored(110, holder="one")
    assert let_go(0, one, other) == []
    run_table.delete(run_table.get(AMS, TASK.uuid, one.uuid))

    assert let_go(1, one, other) == []  # nothing was cancelled that it is to hear of
    agent_bell.ring(AMS, at(2))
    assert let_go(2, one, other) == []
    assert len(looked) == 1
    agent_bell.ring(AMS, at(3), cancels=True)
    assert let_go(3, one, other) == let_go(4, one, other) == [one.uuid]  # until it has let go
    assert len(looked) == 2
    assert looked[1] == (AMS, [(TASK.uuid, one.uuid), (TASK.uuid, other.uuid)])
    assert let_go(5, other) == []
    assert let_go(6, other, instance="two") == [other.uuid]  # another instance has another's runs
    assert len(looked) == 3
    assert agent_bells.read(AMS) == (2, 1, at(3))


# --- offers --------------------------------------------------------------------------------------


def offered(now: float = 0, since: dt.datetime | None = None, held: tuple[str, ...] = ()) -> list[str]:
    return [each.run.uuid for each in offers.to(AMS, "one", held, at(now), since)]


def test_runs_are_offered_that_start_within_a_quarter_of_an_hour_the_next_first() -> None:
    late, soon, near = stored(901), stored(10), stored(900)

    assert offered() == [soon.uuid, near.uuid]
    assert offered(1) == [soon.uuid, near.uuid, late.uuid]
    assert offered(1, since=at(11)) == [near.uuid, late.uuid]
    assert offered(1, since=at(10), held=(near.uuid,)) == [soon.uuid, late.uuid]


def test_one_that_streams_is_offered_long_after_its_start() -> None:
    stream = task(node=AMS, duration=seconds(7200), scheduling_class="background-multi")
    task_items.to_item(stream, NOON).save()
    one = stored(10, stream)
    stored(10)

    assert offered(3600) == [one.uuid]


def test_what_cannot_be_taken_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "MOST_OFFERED", 2)
    for start in (10, 20, 30):
        stored(start, holder="two")
    gone = task(node=AMS)
    stored(35, gone)  # its task is not there any more
    free = [stored(start).uuid for start in (40, 50, 60)]
    read: list[int] = []
    get_all = run_table.get_all
    monkeypatch.setattr(run_table, "get_all", lambda *about: (read.append(len(about[1])), get_all(*about))[1])

    assert offered() == free[:2]
    assert read == [2, 2, 2]  # no more is read whole than it takes


def test_an_index_is_not_read_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offers, "MOST_LOOKED_AT", 2)
    for start in (10, 20):
        stored(start, holder="two")
    stored(30)

    assert offered() == []


# --- carriers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_queue", "url"), [(True, "https://sqs/q"), (True, None), (False, "https://sqs/q")]
)
def test_an_agent_reads_its_queue_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, by_queue: bool, url: str | None
) -> None:
    monkeypatch.setattr(agent_bell, "by_queue", lambda: by_queue)
    monkeypatch.setattr(agent_queues, "url_of", lambda node: url if node == AMS else None)
    monkeypatch.setattr(agent_queues, "signed", lambda url, now: (f"{url}?signed", now + seconds(3600)))

    carrier = bell_carriers.of(AMS, NOON)

    is_read = by_queue and url
    expires = "2026-11-23T13:00:00+00:00"
    read = {"kind": "queue", "url": "https://sqs/q?signed", "expires": expires}
    assert carrier == (read if is_read else {"kind": "https"})


@pytest.mark.parametrize(
    ("kind", "held", "seconds_between"),
    [("https", [], 60), ("https", [{}], 60), ("queue", [{}], 60), ("queue", [], 600)],
)
def test_an_agent_that_holds_nothing_and_reads_a_queue_comes_rarely(
    kind: str, held: list[Any], seconds_between: int
) -> None:
    assert bell_carriers.every({"kind": kind}, held) == seconds_between
