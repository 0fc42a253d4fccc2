"""How far a shard was sent, and what waits longest to be sent."""

import pytest

from chalicelib.domain.errors import Conflict
from chalicelib.store import dispatch_marks, shards
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_a_mark_is_moved_from_where_it_was_alone() -> None:
    assert dispatch_marks.read([0, 1]) == {}

    dispatch_marks.move(0, None, at(5))
    dispatch_marks.move(0, at(5), at(9))

    assert dispatch_marks.read([0, 1]) == {0: at(9)}
    for stale in (None, at(5)):
        with pytest.raises(Conflict, match="dispatched-0 was changed meanwhile"):
            dispatch_marks.move(0, stale, at(20))


def test_what_starts_at_the_mark_or_before_was_sent() -> None:
    owner = task()
    early, late = run(owner, 10, added=at(-600)), run(owner, 20, added=at(-600))
    commit(Booking(None, owner, [early, late]), NOON)
    assert dispatch_marks.oldest_unsent(at(60)) == at(10)

    for shard in shards.every():
        dispatch_marks.move(shard, None, at(10))

    assert dispatch_marks.oldest_unsent(at(60)) == at(20)
    assert dispatch_marks.oldest_unsent(at(19)) is None
    dispatch_marks.move(shards.of(late.uuid), at(10), at(19))
    assert dispatch_marks.oldest_unsent(at(60)) == at(20)
    dispatch_marks.move(shards.of(late.uuid), at(19), at(20))
    assert dispatch_marks.oldest_unsent(at(60)) is None
