"""How far back a run may have begun that reaches into a time.

Runs are filed under their starts, so whoever lists a period looks at what began before it too: a day back,
since runs may be so long, though hardly any is. So there is a note for each of a few lengths until when runs
of that length go on. It is moved before such a run is stored, and an hour further than it must be, so that
seldom anybody writes it.
"""

import datetime as dt
import math

from chalicelib.domain.names import NodeName
from chalicelib.domain.run import Run
from chalicelib.domain.task import HORIZON
from chalicelib.settings import settings
from chalicelib.store import node_table
from chalicelib.store.models.item_keys import key

SHORT = dt.timedelta(minutes=15)
"""Runs up to this long are not noted; it is how far back is looked at least."""
LENGTHS = (dt.timedelta(hours=1), dt.timedelta(hours=6), HORIZON)
"""A run is noted under the first of these that it does not exceed, or under the last."""
SPARE = dt.timedelta(hours=1)

_known: dict[str, float] = {}
"""The notes as this process knows them, by prefix and key: what they say at least, as Unix times."""


def forget() -> None:
    """Look again on next use: the tables are others."""
    _known.clear()


def note(run: Run) -> None:
    """Have a run found by whoever looks for what reaches into a time; to be called before it is stored."""
    length = run.end - run.start
    if length <= SHORT:
        return
    name = _name(next((each for each in LENGTHS if length <= each), HORIZON))
    place = "/".join((settings().prefix, key(run.node, name)))
    if _known.get(place, 0.0) < run.end.timestamp():
        _known[place] = node_table.raise_to(run.node, name, math.ceil((run.end + SPARE).timestamp()))


def look_back(node: NodeName, moment: dt.datetime) -> dt.timedelta:
    """How long before an instant the runs may have begun that are under way then."""
    noted = node_table.read_many(node, tuple(map(_name, LENGTHS)))
    reaching = (each for each in LENGTHS if noted.get(_name(each), 0) > moment.timestamp())
    return max(reaching, default=SHORT)


def _name(length: dt.timedelta) -> str:
    return f"runs-of-{length // dt.timedelta(hours=1)}-hours-until"
