"""What all tables have in common: the connection that they share."""

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pynamodb.connection import Connection

from chalicelib.store.models import base
from chalicelib.store.models.run_models import RunItem

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_threads_that_first_use_a_table_at_once_share_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    first_use = threading.Barrier(4)
    added = Connection.add_meta_table

    def slowly(self: Connection, table: Any) -> None:
        time.sleep(0.05)
        added(self, table)

    monkeypatch.setattr(Connection, "add_meta_table", slowly)
    monkeypatch.setattr(base, "connection", functools.cache(Connection))
    monkeypatch.setattr(RunItem, "_connection", None)

    def use(_: int) -> Any:
        first_use.wait()
        return RunItem._get_connection()

    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(use, range(4)))

    assert len({id(table) for table in tables}) == 1
    assert tables[0].connection is base.connection()
