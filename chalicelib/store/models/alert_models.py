"""Alerts: how series are doing by the rules about them."""

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.store.models.base import Table


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
