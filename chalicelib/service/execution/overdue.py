"""Whether runs are over that should be: those that were filed under their start, to be dispatched.

Such a run stays there until it expires, since to take it out when it is over is a write. So each is looked at
once, half a minute after its start; one that is not over then is given up, or filed to be looked at again.
How far that has come this process knows, and every half hour it is noted for the next one.

Runs are filed minutes before they start. A process that was stopped meanwhile may file one later than that,
so what was looked at stays in view until the next look, by which such a process has gone on.
"""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chalicelib.domain.errors import NotFound, StaleRun
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.times import INSTANT
from chalicelib.infrastructure import shard_work
from chalicelib.infrastructure.shard_work import HasTime, always
from chalicelib.settings import settings
from chalicelib.store import due_runs, reap_marks, run_items, run_table, shards
from chalicelib.store.due_runs import Due
from chalicelib.store.run_table import EARLIEST_START

LOG = logging.getLogger(__name__)
NOTE_EVERY = dt.timedelta(minutes=30)
"""How far a mark may be behind: what a process that is new looks at once more."""
IN_VIEW = dt.timedelta(minutes=2)
"""How far before a mark it begins to look."""

GiveUp = Callable[[NodeName, TaskId, RunId, dt.datetime], None]


class _View(NamedTuple):
    """What a process knows of a shard: that it looked at what was filed until an instant, and need look no
    more at what was before another, nor at some runs behind that. ``mark`` was noted last."""

    since: dt.datetime
    until: dt.datetime
    settled: frozenset[RunId]
    mark: dt.datetime


_NOTHING = _View(EARLIEST_START, EARLIEST_START, frozenset(), EARLIEST_START)
_views: dict[tuple[str, NodeName, int], _View] = {}


def forget() -> None:
    """Begin at the marks again: the tables are others."""
    _views.clear()


def begin_anew() -> None:
    """Look at all there is: something was filed where was looked already."""
    _views.update({_place(shard): _NOTHING for shard in shards.every()})


def look(shard: int, now: dt.datetime, most: int, give_up: GiveUp, has_time: HasTime = always) -> bool:
    """Look at so many runs of a shard that should be over, or a few more; whether there may be more.

    ``give_up`` ends a run that is over its time, and never raises.
    """
    view = _view(shard, now)
    due = due_runs.together(run_items.DISPATCH, shard, view.since, now - run_items.GRACE, most)
    left = _unsettled([each for each in due if each.run not in view.settled], now, give_up, has_time)
    is_full = len(due) >= most
    if is_full:  # those in view alone may be as many
        since = until = due[-1].at + INSTANT
    else:
        since, until = view.until, now - run_items.GRACE
    _keep(shard, _moved(view, due, left, since, until))
    if is_full and shard_work.is_shared():
        _hand_over(shard)
    return is_full or bool(left)


def _place(shard: int) -> tuple[str, NodeName, int]:
    return settings().prefix, settings().node, shard


def _view(shard: int, now: dt.datetime) -> _View:
    known = _views.get(_place(shard))
    if known is not None and known.until <= now:
        return known
    mark = reap_marks.read(shard)
    if mark is None or mark > now:  # as of a clock that was ahead, which says nothing
        return _NOTHING
    return _View(mark - IN_VIEW, mark, frozenset(), mark)


def _unsettled(found: Sequence[Due], now: dt.datetime, give_up: GiveUp, has_time: HasTime) -> Sequence[Due]:
    """See to those that are not over; what is left to be done."""
    unfinished = due_runs.not_over(found)
    going_on = [each for each in found if each.run in unfinished]
    return [each for each in going_on if not (has_time() and _is_settled(each, now, give_up))]


def _is_settled(due: Due, now: dt.datetime, give_up: GiveUp) -> bool:
    """End a run that is over its time, or file it for when it will be; whether that was done."""
    give_up(due.node, due.task, due.run, now)
    try:
        run = run_table.get(due.node, due.task, due.run)
        if not run.state.is_final:
            due_runs.file_to_be_given_up(run)
    except NotFound:
        return True
    except StaleRun:
        return False
    return True


def _moved(
    view: _View, due: Sequence[Due], left: Sequence[Due], since: dt.datetime, until: dt.datetime
) -> _View:
    """The view after a look at what was due, which left something behind."""
    behind = [each.at for each in left]
    since, until = min([since, *behind]), min([until, *behind])
    again = {each.run for each in left}
    settled = frozenset(each.run for each in due if each.at >= since and each.run not in again)
    return _View(since, until, settled, view.mark)


def _keep(shard: int, view: _View) -> None:
    if view.until - view.mark >= NOTE_EVERY:
        view = _noted(shard, view)
    _views[_place(shard)] = view


def _noted(shard: int, view: _View) -> _View:
    reap_marks.write(shard, view.until)
    return view._replace(mark=view.until)


def _hand_over(shard: int) -> None:
    """Have another process go on from here, and this one begin where that one came to."""
    view = _views.pop(_place(shard))
    if view.mark < view.until:
        _noted(shard, view)
