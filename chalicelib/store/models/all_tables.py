"""All tables there are: made, held against what is there, and connected anew.

A new one is a module beside this, or a class in one that holds what it is about, and a line of ``TABLES``.
"""

from typing import Any

from chalicelib.store.models.alert_models import AlertItem
from chalicelib.store.models.base import Table
from chalicelib.store.models.connection import connection
from chalicelib.store.models.delivery_models import DeliveryItem
from chalicelib.store.models.node_models import NodeItem, RegisteredNodeItem
from chalicelib.store.models.outbox_models import OutboxItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.series_models import PointItem, SeriesItem
from chalicelib.store.models.task_models import PostingItem, TaskItem
from chalicelib.store.models.timeline_models import TimelineItem

TABLES: tuple[type[Table], ...] = (
    TaskItem,
    PostingItem,
    RunItem,
    TimelineItem,
    DeliveryItem,
    OutboxItem,
    NodeItem,
    RegisteredNodeItem,
    SeriesItem,
    PointItem,
    AlertItem,
)


def create_tables() -> None:
    """Make the tables that are not there yet."""
    for table in TABLES:
        if not table.exists():
            connection().client.create_table(**table.definition())
            connection().client.get_waiter("table_exists").wait(TableName=table.definition()["TableName"])


def outdated() -> list[str]:
    """The names of tables that are there with other keys or indexes than are defined here."""
    client = connection().client
    wanted = [table.definition() for table in TABLES]
    return [
        one["TableName"]
        for one in wanted
        if _layout(client.describe_table(TableName=one["TableName"])["Table"]) != _layout(one)
    ]


def _layout(table: dict[str, Any]) -> set[tuple[str, ...]]:
    """What a table is read by: for itself and each index the name and the attributes of the key."""
    kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    indexes = [index for kind in kinds for index in table.get(kind) or []]
    return {
        (one.get("IndexName", ""), *(part["AttributeName"] for part in one["KeySchema"]))
        for one in (table, *indexes)
    }


def rebind() -> None:
    """Connect anew on next use: the environment has changed."""
    connection.cache_clear()
    for table in TABLES:
        table._connection = None
