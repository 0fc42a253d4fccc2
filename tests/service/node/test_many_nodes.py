"""What ticks and requests cost does not grow with the nodes of a deployment. On the embedded engine."""

import datetime as dt
from collections.abc import Callable, Iterator

import pytest

from bench.capacity_units import Cost, counted
from chalicelib.domain import served_nodes
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.events import clock_handlers
from chalicelib.service.node import node_directory, state_upgrade
from chalicelib.service.node.state_upgrade import LONG_ENOUGH
from chalicelib.store import node_registry, node_table, run_items, task_items
from chalicelib.store.models.node_models import RegisteredNodeItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.refiled_items import REASONS
from tests import signs_of_life
from tests.builders import NODE, run, task

TICKS: tuple[Callable[[object], None], ...] = (
    clock_handlers.plan_tick,
    clock_handlers.dispatch_tick,
    clock_handlers.reap_tick,
    clock_handlers.archive_tick,
)


FAR = dt.datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _long_in_use(sqlite_engine: None) -> Iterator[None]:
    """No version before this one has been at work for long."""
    before = format_timestamp(dt.datetime.now(UTC) - 2 * LONG_ENOUGH)
    for tick in REASONS:
        node_table.write(NODE, f"readdressed-{tick}", before)
    state_upgrade.forget()
    signs_of_life.leave("ticker", dt.datetime.now(UTC))
    for tick_ in TICKS:
        tick_(None)
    yield
    state_upgrade.forget()


def register(numbers: range) -> None:
    """Nodes, each with a task to be planned and a run to be dispatched some day."""
    nodes = [served_nodes.new(f"n{number}.example.org", "agent", FAR) for number in numbers]
    tasks = [task(node=node.node, plan_at=FAR) for node in nodes]
    with RegisteredNodeItem.batch_write() as batch:
        node_registry.add(nodes.pop())
        for node in nodes:
            batch.save(node_registry._to_item(node))
    with TaskItem.batch_write() as batch:
        for one in tasks:
            batch.save(task_items.to_item(one, FAR))
    with RunItem.batch_write() as batch:
        for one in tasks:
            batch.save(run_items.to_item(run(one).evolve(start=FAR, end=FAR)))
    node_directory.forget()


def costs() -> list[Cost]:
    """What each of the ticks asks of the tables, and in the end a look at a node."""
    found = []
    for tick in TICKS:
        with counted() as cost:
            tick(None)
        found.append(cost)
    node_directory.forget()
    with counted() as cost:
        assert node_directory.addressed_by("n7.example.org") == "n7.example.org"
        assert len(node_registry.page(5)) == 5
    return [*found, cost]


def test_ticks_and_looks_cost_the_same_with_ten_nodes_and_with_a_thousand() -> None:
    register(range(10))
    few = costs()

    register(range(10, 1000))
    many = costs()

    assert few == many
    assert [cost.calls for cost in few] == [4 + 1, 5 + 1, 37 + 1, 8 + 1, 3]
