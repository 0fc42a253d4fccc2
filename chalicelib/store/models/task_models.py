"""Tasks, and the terms by which they are found."""

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection

from chalicelib.store.models.base import Table


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
