"""What nodes note of themselves, and which of them there are."""

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.store.models.base import Table


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
