"""What all tables have in common."""

import threading
from typing import Any, ClassVar

from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection

from chalicelib.settings import settings
from chalicelib.store.models.connection import connection
from chalicelib.store.models.quick_model import QuickModel

TIME_TO_LIVE = "expires"
"""The attribute, in epoch seconds, after which AWS may drop an item. Garbage collection only."""
STREAM_VIEW = "NEW_AND_OLD_IMAGES"
"""What a stream says of a change: the item before it, and after it."""

_CONNECTING = threading.Lock()


class Table(QuickModel):
    """What all tables have in common; ``short_name`` follows the prefix in the table's name."""

    short_name: ClassVar[str]
    is_streamed: ClassVar[bool] = False
    """Whether AWS keeps its changes for a day, for those who ask what happens (``store/streams.py``)."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        name = f"{settings().prefix}-{cls.short_name}"
        known = cls._connection
        if known is not None and known.table_name == name and known.connection is connection():
            return known
        with _CONNECTING:  # threads that use a table for the first time at once would each add it
            cls.Meta.table_name = name
            table = super()._get_connection()
            if table.connection is not connection():
                connection().add_meta_table(table.connection.get_meta_table(name))
                table.connection = connection()
            return table

    @classmethod
    def definition(cls) -> dict[str, Any]:
        """The arguments of CreateTable that make it."""
        recorder = _Recorder()
        schema = cls._get_schema()
        recorder.create_table(
            f"{settings().prefix}-{cls.short_name}",
            billing_mode="PAY_PER_REQUEST",
            attribute_definitions=schema["attribute_definitions"],
            key_schema=schema["key_schema"],
            global_secondary_indexes=schema["global_secondary_indexes"],
            local_secondary_indexes=schema["local_secondary_indexes"],
        )
        return recorder.sent


class _Recorder(Connection):
    """A connection that keeps what it is asked to send."""

    sent: dict[str, Any]

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        self.sent = operation_kwargs
        return {}
