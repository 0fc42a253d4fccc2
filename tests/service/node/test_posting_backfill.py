"""Giving old tasks their postings: some at a time, once, and for nodes of the environment alone."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.domain.task_terms import of_filter
from chalicelib.service.node import posting_backfill
from chalicelib.store import node_table, postings, task_items
from tests.builders import NODE, NOON, at, task
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(posting_backfill, "AT_ONCE", 2)
    posting_backfill.forget()
    yield
    posting_backfill.forget()


def stored(count: int) -> list[Task]:
    """Tasks from before there were postings."""
    made = [
        task(added=at(number), document={**task().document, "reference": "old"}) for number in range(count)
    ]
    for one in made:
        task_items.to_item(one, NOON).save()
    return made


def posted() -> list[str]:
    return list(postings.found(NODE, of_filter(TaskFilter(reference="old")), None, 100))


@pytest.mark.parametrize(("count", "steps"), [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_some_tasks_at_a_time_get_their_postings_in_the_order_of_the_listing(count: int, steps: int) -> None:
    made = [one.uuid for one in stored(count)]

    for step in range(1, steps + 1):
        assert posting_backfill.is_complete(NODE) is (step == steps)
        assert posted() == made[: 2 * step]


def test_what_is_complete_is_looked_at_once_by_each_process() -> None:
    posting_backfill.is_complete(NODE)

    with counted() as sent:
        assert posting_backfill.is_complete(NODE)
    posting_backfill.forget()
    with counted() as anew:
        assert posting_backfill.is_complete(NODE)
        assert posting_backfill.is_complete(NODE)

    assert (sent, anew) == ([], ["GetItem"])


def test_a_pass_over_other_terms_begins_anew() -> None:
    node_table.write(NODE, posting_backfill.NAME, {"version": 0, "after": "end"})
    made = stored(1)

    assert posting_backfill.is_complete(NODE)

    assert posted() == [made[0].uuid]
    assert node_table.read(NODE, posting_backfill.NAME) == {"version": 1, "after": "end"}


def test_nodes_of_the_registry_came_later() -> None:
    with counted() as sent:
        assert posting_backfill.is_complete(NodeName("ams.example"))

    assert sent == []
