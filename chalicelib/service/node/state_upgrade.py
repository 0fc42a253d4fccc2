"""Going on with what an earlier version stored: ticks find it although it was filed otherwise.

Every tick makes the steps of ``store/migrations.py`` for what it looks for, before it looks, and what is due
first. Once there was nothing for an hour - so long an earlier version may be at work beside this one - a
process looks once and no more, lest the earlier version was gone back to meanwhile; once that is so of all
steps and ticks, it is noted that nothing older is left.
"""

import datetime as dt

from chalicelib.domain import state_version
from chalicelib.domain.errors import WrongVersion
from chalicelib.domain.state_version import StateVersion
from chalicelib.domain.times import format_timestamp, parse_timestamp
from chalicelib.settings import settings
from chalicelib.store import migrations, node_table, state_record
from chalicelib.store.migrations import Step

AT_ONCE = 500
"""Items of one place that a tick files anew."""
LONG_ENOUGH = dt.timedelta(hours=1)

_done: set[tuple[str, str]] = set()
_known: dict[str, StateVersion] = {}


def forget() -> None:
    """Look again on next use: the tables are others."""
    _done.clear()
    _known.clear()


def require() -> None:
    """Note the version that is written from now on, once a process. Raises WrongVersion where what is stored
    is of one that this release cannot go on with."""
    if settings().prefix in _known:
        return
    found = state_record.read()
    if objection := state_version.objection(found):
        raise WrongVersion(objection)
    if found.newest < state_version.VERSION:
        found = StateVersion(state_version.VERSION, state_version.READABLE_BY, found.oldest)
        state_record.raise_to(found)
    _known[settings().prefix] = found


def advance(tick: str, now: dt.datetime) -> int:
    """File anew what there is of what a tick looks for, or some of it; how much. Raises WrongVersion."""
    require()
    return sum(_advance(step, tick, now) for step in migrations.STEPS)


def _advance(step: Step, tick: str, now: dt.datetime) -> int:
    name = f"{step.name}-{tick}"
    own = settings().prefix, name
    if own in _done:
        return 0
    since = node_table.read(settings().node, name)
    found = sum(step.work(tick, each.node, AT_ONCE) for each in settings().identities)
    if found and since is not None:
        node_table.remove(settings().node, name)
    elif not found and since is None:
        node_table.write(settings().node, name, format_timestamp(now))
    elif not found and since is not None and _was_long_ago(since, now):
        _done.add(own)
        _note_completion(now)
    return found


def _was_long_ago(since: str, now: dt.datetime) -> bool:
    return parse_timestamp(since) + LONG_ENOUGH <= now


def _note_completion(now: dt.datetime) -> None:
    """Note that nothing of an earlier version is left, where all ticks have come to the end of all steps."""
    if _known[settings().prefix].oldest >= state_version.VERSION:
        return
    names = tuple(f"{step.name}-{tick}" for step in migrations.STEPS for tick in migrations.TICKS)
    since = node_table.read_many(settings().node, names)
    if len(since) == len(names) and all(_was_long_ago(each, now) for each in since.values()):
        version = state_version.VERSION
        complete = StateVersion(version, state_version.READABLE_BY, version)
        state_record.raise_to(complete)
        _known[settings().prefix] = complete
