"""Series, and their points."""

from pynamodb.attributes import (
    BinaryAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.store.models.base import Table


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
