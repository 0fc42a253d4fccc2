"""Runs: the placements of a task in time, and their outcomes."""

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection, LocalSecondaryIndex

from chalicelib.store.models.base import Table


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
