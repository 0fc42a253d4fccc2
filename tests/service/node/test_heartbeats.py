"""Signs of life, with many nodes in a deployment."""

from typing import Any

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.times import format_duration, format_timestamp
from chalicelib.infrastructure import queues, shard_work
from chalicelib.infrastructure.queues import Load
from chalicelib.service.node import heartbeats, registration
from chalicelib.service.node.heartbeats import LAST_FINISHED, LAST_SCHEDULED
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import node_table, run_table
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, seconds, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture(autouse=True)
def _nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})
    monkeypatch.setattr(heartbeats, "_beats", {})


def test_a_service_works_for_all_nodes_of_the_deployment() -> None:
    ams = registration.add("ams.example", "agent", NOON).node

    heartbeats.beat("ticker", NOON)

    for node in (NODE, ams):
        assert heartbeats.describe(node, at(1))["services"]["ticker"]["last"] == format_timestamp(NOON)


def test_a_sign_of_life_of_another_time_is_none_of_this() -> None:
    heartbeats.beat("ticker", at(600))

    told = heartbeats.describe(NODE, at(500))["services"]["ticker"]
    assert (told["uptime"], told["overdue"]) == ("P0D", "PT40S")
    assert heartbeats.describe(NODE, at(520))["services"]["ticker"]["overdue"] is None

    heartbeats.beat("ticker", at(200))
    told = heartbeats.describe(NODE, at(201))["services"]["ticker"]
    assert (told["uptime"], told["updates"], told["overdue"]) == ("PT1S", 1, None)


def test_a_clock_is_trusted_once_it_has_gone_on_evenly_for_a_while() -> None:
    found = []
    for minute in (0, 4, 8, 10, 12, 30, 34, 38, 40):
        heartbeats.beat("ticker", at(60 * minute))
        found.append(heartbeats.has_settled("ticker", at(60 * minute)))

    assert found == [False, False, False, True, True, False, False, False, True]
    assert heartbeats.has_settled("ticker", at(60 * 45))
    assert not heartbeats.has_settled("ticker", at(60 * 45 + 1))
    assert not heartbeats.has_settled("runner", NOON)


def test_whoever_asks_of_the_last_sign_of_life_reads_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeats.beat("ticker", NOON)
    monkeypatch.setattr(heartbeats, "_beats", {})

    with counted() as sent:
        assert not heartbeats.is_ahead("ticker", at(60))
        assert not heartbeats.has_settled("ticker", at(60))
        heartbeats.beat("ticker", at(60))

    assert sent == ["GetItem", "PutItem"]


def test_who_left_the_last_sign_of_life_does_not_read_it() -> None:
    heartbeats.beat("ticker", NOON)

    with counted() as sent:
        heartbeats.beat("ticker", at(60))

    assert sent == ["PutItem"]
    assert heartbeats.describe(NODE, at(61))["services"]["ticker"]["updates"] == 2


def test_a_sign_of_life_that_another_left_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeats.beat("ticker", NOON)
    own = dict(heartbeats._beats)
    monkeypatch.setattr(heartbeats, "_beats", {})
    heartbeats.beat("ticker", at(60))
    monkeypatch.setattr(heartbeats, "_beats", own)

    heartbeats.beat("ticker", at(120))

    told = heartbeats.describe(NODE, at(121))["services"]["ticker"]
    assert (told["updates"], told["last"], told["uptime"]) == (3, format_timestamp(at(120)), "PT2M1S")


def test_many_nodes_are_not_written_of_at_each_run() -> None:
    nodes = [registration.add(f"n{number}.example", "agent", NOON).node for number in range(5)]

    with counted() as sent:
        for second in range(0, 590, 10):
            for node in nodes:
                heartbeats.note(node, LAST_SCHEDULED, at(second))
                heartbeats.note(node, LAST_FINISHED, at(second))

    assert sent.count("PutItem") == 5
    with counted() as sent:
        for second in (0, 29, 30, 59, 60):
            heartbeats.note(NODE, LAST_FINISHED, at(second))
    assert sent.count("PutItem") == 3


def test_when_a_registered_node_last_finished_a_run_its_runs_tell() -> None:
    ams = registration.add("ams.example", "agent", NOON).node
    assert heartbeats.describe(ams, NOON)["runs"] == {LAST_FINISHED: None, LAST_SCHEDULED: None}
    ends = []
    for start, states in ((30, "running finished"), (10, "running failed"), (60, "running")):
        one = task(node=ams, schedule=Schedule(start=at(start), max_runs=1))
        (run,) = place_next(one.replanned(NOON), NOON, New()).runs
        for state in states.split():
            run = run_table.change(run.evolve(state=State(state)))
        ends.append(format_timestamp(run.end))

    known = heartbeats.describe(ams, at(90))["runs"]

    assert known == {LAST_FINISHED: ends[0], LAST_SCHEDULED: format_timestamp(NOON)}


def test_where_functions_share_the_work_runs_tell_when_the_last_one_was_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shard_work, "is_shared", lambda: True)
    one = task(schedule=Schedule(start=at(10), max_runs=1))
    (run,) = place_next(one.replanned(NOON), NOON, New()).runs
    for state in (State.RUNNING, State.FINISHED):
        run = run_table.change(run.evolve(state=state))

    with counted() as sent:
        heartbeats.note(NODE, LAST_FINISHED, at(20))

    assert sent == []
    assert heartbeats.describe(NODE, at(90))["runs"][LAST_FINISHED] == format_timestamp(run.end)


def test_of_many_processes_one_writes_that_messages_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of functions that handle a message in ten seconds each would ask too much of one item."""
    with counted() as sent:
        for tenth in range(300):
            monkeypatch.setattr(heartbeats, "_noted", {})  # a process that was not there before
            heartbeats.note(NODE, "handled-runs", at(3 * tenth / 10))

    assert sent.count("PutItem") == 3
    known = heartbeats.describe(NODE, at(90))["queues"]["runs"]["last"]
    assert known == format_timestamp(at(60))


LIFE = {"started": format_timestamp(at(-3600)), "updates": 7, "last": format_timestamp(at(0))}
IDLE, BUSY = Load(0, 0, 0), Load(1, 0, 0)


@pytest.mark.parametrize(
    ("now", "load", "handled", "expected", "overdue"),
    [
        (60, IDLE, None, 60, None),
        (89, IDLE, None, 60, None),
        (90, IDLE, None, 60, "PT30S"),
        (90, IDLE, -600, 60, "PT30S"),  # nothing waits, so nobody has to take anything
        (60, BUSY, -600, -540, "PT10M"),  # its tick comes, and nobody takes what waits
        (60, BUSY, 50, 60, None),
        (60, BUSY, None, -3540, "PT1H"),  # nobody ever took anything since it started
    ],
)
def test_a_service_is_overdue_where_its_tick_is_late_or_nobody_takes_what_waits(
    now: float, load: Load, handled: float | None, expected: float, overdue: str | None
) -> None:
    notes: dict[str, Any] = {"runner": LIFE}
    if handled is not None:
        notes["handled-runs"] = format_timestamp(at(handled))

    shown = heartbeats._service("runner", notes, {queues.RUNS: load}, at(now))

    assert shown == {
        "uptime": format_duration(seconds(3600 + now)),
        "updates": 7,
        "last": format_timestamp(at(0)),
        "next_time": "PT1M",
        "expected": format_timestamp(at(expected)),
        "overdue": overdue,
    }


def test_a_service_that_never_worked_has_nothing_to_say() -> None:
    assert set(heartbeats._service("runner", {}, {}, at(0)).values()) == {None}


@pytest.mark.parametrize(("seconds_later", "updates", "started"), [(300, 2, 0), (301, 1, 301)])
def test_a_service_that_was_silent_for_five_minutes_has_started_anew(
    seconds_later: float, updates: int, started: float
) -> None:
    heartbeats.beat("runner", at(0))

    heartbeats.beat("runner", at(seconds_later))

    shown = heartbeats.describe(NODE, at(seconds_later))["services"]["runner"]
    assert shown["updates"] == updates
    assert shown["uptime"] == format_duration(seconds(seconds_later - started))


def test_what_is_in_the_queues_is_shown_with_who_took_from_them_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "load", lambda queue: Load(1, 2, 3) if queue is queues.RUNS else IDLE)
    monkeypatch.setattr(queues, "dead_letters", lambda: 4)
    heartbeats.note(NODE, "handled-runs", at(5))

    shown = heartbeats.describe(NODE, at(60))

    assert shown["dead-letters"] == 4
    assert set(shown["queues"]) == {queue.name for queue in queues.QUEUES}
    assert shown["queues"]["runs"] == {**Load(1, 2, 3).describe(), "last": format_timestamp(at(5))}
    assert shown["queues"]["plan"] == {**IDLE.describe(), "last": None}
    assert list(shown["services"]) == ["ticker", "scheduler", "runner", "archiver"]
    monkeypatch.setattr(queues, "dead_letters", lambda: 5)
    assert heartbeats.describe(NODE, at(60))["dead-letters"] == 4  # they are asked once a second
    heartbeats.forget()
    assert heartbeats.describe(NODE, at(60))["dead-letters"] == 5


def test_taking_messages_is_a_sign_of_life_of_whoever_handles_them(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[Any] = []
    monkeypatch.setattr(heartbeats, "note", lambda *told: noted.append(told[:2]))
    monkeypatch.setattr(queues, "received", lambda queue, event: [queue, event])

    assert heartbeats.taken(queues.DELIVERIES, "an event") == [queues.DELIVERIES, "an event"]
    assert noted == [(NODE, "handled-deliveries")]


@pytest.mark.parametrize(
    ("noted", "is_written"), [(None, True), (0, False), (29.9, False), (30, True), (-0.1, True)]
)
def test_what_another_process_noted_lately_is_not_noted_again(
    monkeypatch: pytest.MonkeyPatch, noted: float | None, is_written: bool
) -> None:
    """As seen so many seconds later; a clock that is ahead has no say."""
    if noted is not None:
        node_table.write(NODE, LAST_SCHEDULED, format_timestamp(NOON))

    with counted() as sent:
        heartbeats.note(NODE, LAST_SCHEDULED, at(noted or 0))

    assert ("PutItem" in sent) is is_written


def test_a_registered_node_is_noted_of_every_ten_minutes() -> None:
    ams = registration.add("ams.example", "agent", NOON).node
    written = []
    for later in (0, 599, 600):
        with counted() as sent:
            heartbeats.note(ams, LAST_SCHEDULED, at(later))
        written.append(sent.count("PutItem"))

    assert written == [1, 0, 1]


def test_another_that_works_at_the_same_time_has_the_say(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read = node_table.read

    def overtaken(node: str, name: str) -> Any:
        found = read(node, name)
        node_table.write(node, name, {**LIFE, "updates": 100})
        return found

    heartbeats.beat("ticker", at(-10))
    heartbeats._beats.clear()
    monkeypatch.setattr(node_table, "read", overtaken)

    with caplog.at_level("INFO"):
        heartbeats.beat("ticker", NOON)

    monkeypatch.setattr(node_table, "read", read)
    assert "Another ticker works at the same time, and says so" in caplog.messages
    assert heartbeats.describe(NODE, at(1))["services"]["ticker"]["updates"] == 100
