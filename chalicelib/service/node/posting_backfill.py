"""Giving tasks that were stored before there were postings theirs, once for a node of the environment: those
of the registry came later.

A pass goes through the listing, some tasks at a time, and is noted at the end. Until then searches look at
every task.
"""

import datetime as dt
import itertools

from chalicelib.domain.names import NodeName
from chalicelib.settings import settings
from chalicelib.store import node_table, postings, task_table

VERSION = 1
"""Of the terms tasks have: with another one a new pass begins."""
NAME = "postings"
AT_ONCE = 250
"""Tasks of one step."""

_complete: set[tuple[str, str]] = set()


def is_complete(node: NodeName) -> bool:
    """Whether every task of a node has its postings; where not, some more have them now."""
    if all(node != served.node for served in settings().identities):
        return True
    own = settings().prefix, node
    if own not in _complete and _advance(node):
        _complete.add(own)
    return own in _complete


def forget() -> None:
    """Look again on next use: the tables are others."""
    _complete.clear()


def _advance(node: NodeName) -> bool:
    known = node_table.read(node, NAME)
    if not isinstance(known, dict) or known.get("version") != VERSION:
        known = {"version": VERSION, "after": None}
    if known["after"] == "end":
        return True
    last = known["after"]
    after = None if last is None else (dt.datetime.fromisoformat(last[0]), last[1])
    some = list(itertools.islice(task_table.every(node, after, AT_ONCE), AT_ONCE))
    for task in some:
        postings.add(postings.of_task(task))
    is_last = len(some) < AT_ONCE
    place = "end" if is_last else [some[-1].added.isoformat(), some[-1].uuid]
    node_table.write(node, NAME, {"version": VERSION, "after": place})
    return is_last
