"""The tables and their indexes, defined once for AWS, the emulators, the tests and the deployment.

Every hash key begins with the node's name, so one deployment can hold many nodes. The indexes
``plan``, ``due`` and ``archiving`` are sparse: an item is in them only while somebody has to look at
it, at a known time.
"""

import functools
import threading
from typing import Any, ClassVar

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.indexes import (
    AllProjection,
    GlobalSecondaryIndex,
    IncludeProjection,
    KeysOnlyProjection,
    LocalSecondaryIndex,
)

from chalicelib.domain.names import NodeName
from chalicelib.infrastructure import aws
from chalicelib.settings import settings
from chalicelib.store.quick_model import QuickModel

TIME_TO_LIVE = "expires"
"""The attribute, in epoch seconds, after which AWS may drop an item. Garbage collection only."""
_CONNECTING = threading.Lock()
STREAM_VIEW = "NEW_AND_OLD_IMAGES"
"""What a stream says of a change: the item before it, and after it."""


class _Quick(Connection):
    """A connection without what PynamoDB does for each call: ask what it took, and tell whoever listens."""

    @property
    def session(self) -> Any:
        """What its client is made with; PynamoDB alone would read all descriptions of services once more."""
        return aws.session()

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._make_api_call(operation_name, operation_kwargs)
        return answer


@functools.cache
def connection() -> Connection:
    """The one client all tables share: PynamoDB alone would make one a table, 100 ms each."""
    return _Quick(connect_timeout_seconds=2, read_timeout_seconds=5, max_pool_connections=100)


def connect() -> None:
    """Make the client now, which takes a tenth of a second, rather than when it is first needed."""
    connection().client  # noqa: B018 - it is made by being asked for


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


class PlanIndex(GlobalSecondaryIndex["TaskItem"]):
    """Tasks by when somebody has to look at them: to plan their runs, or to forget them."""

    class Meta:
        index_name = "plan"
        projection = KeysOnlyProjection()

    plan = UnicodeAttribute(hash_key=True)
    plan_at = UTCDateTimeAttribute(range_key=True)


class AddedIndex(GlobalSecondaryIndex["TaskItem"]):
    """All tasks of a node, in the order they were added."""

    class Meta:
        index_name = "added"
        projection = IncludeProjection(["body", "enabled"])

    node_key = UnicodeAttribute(hash_key=True)
    added = UTCDateTimeAttribute(range_key=True)


class TaskItem(Table):
    """A task: ``body`` is JSON of all that never changes (``store/task_bodies.py``)."""

    class Meta:
        pass

    short_name = "tasks"
    is_streamed = True
    plan_index = PlanIndex()
    added_index = AddedIndex()

    task = UnicodeAttribute(hash_key=True)
    body = UnicodeAttribute()
    added = UTCDateTimeAttribute()
    node_key = UnicodeAttribute()
    enabled = BooleanAttribute()
    runs = NumberAttribute()
    runs_started = NumberAttribute()
    started_until = UTCDateTimeAttribute(null=True)
    first_start = UTCDateTimeAttribute(null=True)
    latest = UTCDateTimeAttribute(null=True)
    plan = UnicodeAttribute()
    plan_at = UTCDateTimeAttribute()
    plan_reason = UnicodeAttribute(null=True)


class PostingItem(Table):
    """That a task has a term (``domain/task_terms.py``): all there is of it is its key.

    ``place`` is the task's in the listing, ``<added>#<uuid>``.
    """

    class Meta:
        pass

    short_name = "postings"

    term = UnicodeAttribute(hash_key=True)
    place = UnicodeAttribute(range_key=True)


class StartIndex(LocalSecondaryIndex["RunItem"]):
    """The runs of a task in time order, strongly consistent. Keys alone: a run that changes is no write here.
    Tables of earlier versions have more in it, which nobody reads."""

    class Meta:
        index_name = "start"
        projection = KeysOnlyProjection()

    task = UnicodeAttribute(hash_key=True)
    start = UTCDateTimeAttribute(range_key=True)


class DueIndex(GlobalSecondaryIndex["RunItem"]):
    """Runs somebody has to look at, by when: to dispatch, or to give up on."""

    class Meta:
        index_name = "due"
        projection = IncludeProjection(["lane"])

    due = UnicodeAttribute(hash_key=True)
    due_at = UTCDateTimeAttribute(range_key=True)


class StatesIndex(GlobalSecondaryIndex["RunItem"]):
    """The runs of all tasks by their state, in time order: what is shown of them, and how many there are."""

    class Meta:
        index_name = "states"
        projection = IncludeProjection(["end", "state", "priority", "errors", "reason"])

    state_key = UnicodeAttribute(hash_key=True)
    start = UTCDateTimeAttribute(range_key=True)


class RunItem(Table):
    """A run: ``documents`` is compressed JSON, or elsewhere, under ``documents_at``, when too large.

    ``reason`` is in them too; here it is for the lists, which have no documents. ``state`` is that of a
    pending run while it is running; ``begun`` is true from then on.
    """

    class Meta:
        pass

    short_name = "runs"
    is_streamed = True
    start_index = StartIndex()
    due_index = DueIndex()
    states_index = StatesIndex()

    task = UnicodeAttribute(hash_key=True)
    run = UnicodeAttribute(range_key=True)
    start = UTCDateTimeAttribute()
    end = UTCDateTimeAttribute()
    state = UnicodeAttribute()
    begun = BooleanAttribute(null=True)
    added = UTCDateTimeAttribute()
    priority = NumberAttribute(null=True)
    errors = UnicodeAttribute(null=True)
    reason = JSONAttribute(null=True)
    documents = BinaryAttribute(null=True, legacy_encoding=False)
    documents_at = UnicodeAttribute(null=True)
    revision = NumberAttribute()
    due = UnicodeAttribute(null=True)
    due_at = UTCDateTimeAttribute(null=True)
    state_key = UnicodeAttribute()
    lane = UnicodeAttribute(null=True)
    abandoned = NumberAttribute(null=True)
    holder = UnicodeAttribute(null=True)
    received = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)


class TimelineItem(Table):
    """Time taken by runs that conflict with others, an entry a run, and the guards of its buckets.

    A guard counts the bookings ever made that touch its bucket; it has no start.
    """

    class Meta:
        pass

    short_name = "timeline"

    bucket = UnicodeAttribute(hash_key=True)
    entry = UnicodeAttribute(range_key=True)
    exclusives = NumberAttribute(null=True)
    normals = NumberAttribute(null=True)
    start = UTCDateTimeAttribute(null=True)
    end = UTCDateTimeAttribute(null=True)
    exclusive = BooleanAttribute(null=True)
    priority = NumberAttribute(null=True)
    task = UnicodeAttribute(null=True)
    run = UnicodeAttribute(null=True)
    expires = NumberAttribute()


class ArchivingIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """Deliveries to be attempted, by when; those that are announced apart, by when they are again."""

    class Meta:
        index_name = "archiving"
        projection = IncludeProjection(["lane", "revision"])

    archiving = UnicodeAttribute(hash_key=True)
    look_at = UTCDateTimeAttribute(range_key=True)


class DeliveryStatesIndex(GlobalSecondaryIndex["DeliveryItem"]):
    """Deliveries by how far they have come, in the order their results came to be."""

    class Meta:
        index_name = "states"
        projection = KeysOnlyProjection()

    state_key = UnicodeAttribute(hash_key=True)
    added = UTCDateTimeAttribute(range_key=True)


class DeliveryItem(Table):
    """One result, or one ``document`` that is none, on its way to one archive."""

    class Meta:
        pass

    short_name = "deliveries"
    archiving_index = ArchivingIndex()
    states_index = DeliveryStatesIndex()

    run = UnicodeAttribute(hash_key=True)
    number = NumberAttribute(range_key=True)
    task = UnicodeAttribute()
    spec = JSONAttribute()
    deadline = UTCDateTimeAttribute(null=True)
    attempts = NumberAttribute()
    silent = NumberAttribute(default=0)
    last_attempt = UTCDateTimeAttribute(null=True)
    archived = BooleanAttribute()
    completed = BooleanAttribute()
    diags = JSONAttribute()
    added = UTCDateTimeAttribute()
    revision = NumberAttribute()
    archiving = UnicodeAttribute(null=True)
    look_at = UTCDateTimeAttribute(null=True)
    next_attempt = UTCDateTimeAttribute(null=True)
    lane = UnicodeAttribute()
    announced = UTCDateTimeAttribute(null=True)
    document = JSONAttribute(null=True)
    state_key = UnicodeAttribute()
    expires = NumberAttribute(null=True)


class OutboxIndex(GlobalSecondaryIndex["OutboxItem"]):
    """Outbox requests to be attempted, by when; those never attempted apart from the others."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due = UnicodeAttribute(hash_key=True)
    due_at = UTCDateTimeAttribute(range_key=True)


class OutboxItem(Table):
    """A request to another node that is made again until it has been heard."""

    class Meta:
        pass

    short_name = "outbox"
    due_index = OutboxIndex()

    outbox_request = UnicodeAttribute(hash_key=True)
    method = UnicodeAttribute()
    host = UnicodeAttribute()
    path = UnicodeAttribute()
    args = JSONAttribute()
    bind = UnicodeAttribute(null=True)
    added = UTCDateTimeAttribute()
    attempts = NumberAttribute()
    error = UnicodeAttribute(null=True)
    due = UnicodeAttribute()
    due_at = UTCDateTimeAttribute()
    expires = NumberAttribute(null=True)


class NodeItem(Table):
    """What the node knows of itself: pause, heartbeats, and counters, which have ``counted``."""

    class Meta:
        pass

    short_name = "node"

    name = UnicodeAttribute(hash_key=True)
    value = JSONAttribute()
    counted = NumberAttribute(null=True)
    cancels = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)


class ListingIndex(GlobalSecondaryIndex["RegisteredNodeItem"]):
    """All nodes in the order of their names. A node changes rarely, so that all of it is here."""

    class Meta:
        index_name = "listing"
        projection = AllProjection()

    listing = UnicodeAttribute(hash_key=True)
    node = UnicodeAttribute(range_key=True)


class RegisteredNodeItem(Table):
    """A node that is served besides those of the environment. Of tokens and secrets it has digests only."""

    class Meta:
        pass

    short_name = "nodes"
    listing_index = ListingIndex()

    node = UnicodeAttribute(hash_key=True)
    listing = UnicodeAttribute()
    hostname = UnicodeAttribute()
    url = UnicodeAttribute()
    tools_at = UnicodeAttribute()
    suspended = BooleanAttribute()
    removed = UTCDateTimeAttribute(null=True)
    added = UTCDateTimeAttribute(null=True)
    join_sha256 = UnicodeAttribute(null=True)
    join_expires = UTCDateTimeAttribute(null=True)
    secrets = JSONAttribute()
    agent = JSONAttribute(null=True)
    joined_with = UnicodeAttribute(null=True)
    revision = NumberAttribute()


class RollingIndex(GlobalSecondaryIndex["SeriesItem"]):
    """Series with hours to be rolled up, by when."""

    class Meta:
        index_name = "rolling"
        projection = KeysOnlyProjection()

    rolling = UnicodeAttribute(hash_key=True)
    roll_at = UTCDateTimeAttribute(range_key=True)


class SeriesItem(Table):
    """A series: what identifies it, and the first hour of it that is not rolled up, if there is one."""

    class Meta:
        pass

    short_name = "series"
    rolling_index = RollingIndex()

    node_key = UnicodeAttribute(hash_key=True)
    series = UnicodeAttribute(range_key=True)
    body = JSONAttribute()
    added = UTCDateTimeAttribute()
    roll_from = UTCDateTimeAttribute(null=True)
    rolling = UnicodeAttribute(null=True)
    roll_at = UTCDateTimeAttribute(null=True)
    revision = NumberAttribute()
    expires = NumberAttribute()


class PointItem(Table):
    """A point of a series, or all of an hour together: under keys that say which."""

    class Meta:
        pass

    short_name = "points"
    is_streamed = True

    series = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)
    body = JSONAttribute(null=True)
    packed = BinaryAttribute(null=True, legacy_encoding=False)
    expires = NumberAttribute()


class ActiveIndex(GlobalSecondaryIndex["AlertItem"]):
    """Alerts that are not ok, in the order they came to be so."""

    class Meta:
        index_name = "active"
        projection = AllProjection()

    active = UnicodeAttribute(hash_key=True)
    since = UTCDateTimeAttribute(range_key=True)


class LookIndex(GlobalSecondaryIndex["AlertItem"]):
    """Alerts by when they are to be looked at although no result came."""

    class Meta:
        index_name = "look"
        projection = KeysOnlyProjection()

    look = UnicodeAttribute(hash_key=True)
    look_at = UTCDateTimeAttribute(range_key=True)


class AlertItem(Table):
    """How a series is doing by a rule: ``alert`` is the rule's name, a full stop and the series."""

    class Meta:
        pass

    short_name = "alerts"
    is_streamed = True
    active_index = ActiveIndex()
    look_index = LookIndex()

    node_key = UnicodeAttribute(hash_key=True)
    alert = UnicodeAttribute(range_key=True)
    body = JSONAttribute()
    since = UTCDateTimeAttribute()
    active = UnicodeAttribute(null=True)
    look = UnicodeAttribute()
    look_at = UTCDateTimeAttribute()
    revision = NumberAttribute()
    expires = NumberAttribute()


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


def key(node: NodeName, *parts: str) -> str:
    """A hash key of a node."""
    return "#".join((node, *parts))


def bare(hash_key: str) -> str:
    """The last part of a hash key."""
    return hash_key.rsplit("#", 1)[-1]


def owner(hash_key: str) -> NodeName:
    """The node whose hash key this is, of those that have one part behind its name."""
    return NodeName(hash_key.rsplit("#", 1)[0])
