"""Results on their way to archives."""

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.store.models.base import Table


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
