"""The time that runs take up."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from chalicelib.store.models.base import Table


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
