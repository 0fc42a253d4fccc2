"""What benchmarks store in batches is what posted tasks come to."""

import datetime as dt
from typing import Any

import pytest

from bench import bulk_store, lists
from chalicelib.domain.times import UTC
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.transactions.booking import Booking, New, commit
from local import engine_sqlite, environment

pytestmark = pytest.mark.usefixtures("empty_aws")


def everything() -> dict[str, list[dict[str, Any]]]:
    """The items of all tables."""
    return {
        table.short_name: sorted((item.serialize() for item in table.scan()), key=repr) for table in TABLES
    }


def test_batches_leave_what_transactions_leave(tmp_path: Any) -> None:
    now = dt.datetime.now(UTC).replace(microsecond=0)
    some = [lists.task_and_run(number, 9, now) for number in range(9)]
    for task, run in some:
        commit(Booking(None, task, [run], new=New()), now)
    posted = everything()

    with engine_sqlite.opened(tmp_path / "other", synchronous="OFF") as engine:
        environment.create_everything()
        with bulk_store.storing(engine) as batch:
            for task, run in some:
                for item in lists.items_of(task, run, now):
                    batch.put(item)
        stored = everything()

    assert stored == posted
    assert len(stored["tasks"]) == len(stored["runs"]) == 9
    assert len(stored["postings"]) > 50
