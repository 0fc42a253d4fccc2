"""Requests to other nodes, until they have been heard."""

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.store.models.base import Table


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
