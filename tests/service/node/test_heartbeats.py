"""Signs of life, with many nodes in a deployment. On moto."""

import pytest

from chalicelib.domain.repeat import Schedule
from chalicelib.domain.run_states import State
from chalicelib.domain.times import format_timestamp
from chalicelib.service.node import heartbeats, registry
from chalicelib.service.node.heartbeats import LAST_FINISHED, LAST_SCHEDULED
from chalicelib.service.scheduling.placement import place_next
from chalicelib.store import run_table
from chalicelib.store.transactions.booking import New
from tests.builders import NODE, NOON, at, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture(autouse=True)
def _nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})


def test_a_service_works_for_all_nodes_of_the_deployment() -> None:
    ams = registry.add("ams.example", "agent", NOON).node

    heartbeats.beat("ticker", NOON)

    for node in (NODE, ams):
        assert heartbeats.describe(node, at(1))["services"]["ticker"]["last"] == format_timestamp(NOON)


def test_many_nodes_are_not_written_of_at_each_run() -> None:
    nodes = [registry.add(f"n{number}.example", "agent", NOON).node for number in range(5)]

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
    ams = registry.add("ams.example", "agent", NOON).node
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


def test_of_many_processes_one_writes_that_messages_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of functions that handle a message in ten seconds each would ask too much of one item."""
    with counted() as sent:
        for tenth in range(300):
            monkeypatch.setattr(heartbeats, "_noted", {})  # a process that was not there before
            heartbeats.note(NODE, "handled-runs", at(3 * tenth / 10))

    assert sent.count("PutItem") == 3
    known = heartbeats.describe(NODE, at(90))["queues"]["runs"]["last"]
    assert known == format_timestamp(at(60))
