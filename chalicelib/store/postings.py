"""Which tasks have a term (``domain/task_terms.py``), in the order of the listing.

A task's postings are written in the transaction that stores it, or before that where they do not fit, and
deleted with it. So a task that is there has all of them, while a posting may lead to a task that is not.
Tasks stored before there were postings get theirs by ``service/node/posting_backfill.py``.

To search is to read the shortest list of postings of those that are asked for. Which one that is, nobody
counts: all are read side by side, a little of each and then more, until one comes to its end.
"""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterator, Sequence

from pynamodb.transactions import TransactWrite

from chalicelib.domain import task_terms
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.task import Task
from chalicelib.domain.task_terms import Alternatives, Term
from chalicelib.store import raw_items
from chalicelib.store.list_order import Place
from chalicelib.store.models.connection import connection
from chalicelib.store.models.instants import written
from chalicelib.store.models.item_keys import bare, key
from chalicelib.store.models.task_models import PostingItem
from chalicelib.store.raw_items import Stretch

MOST_ITEMS = 100
"""Items of one transaction."""
_FIRST, _MORE = 64, 4
"""Postings read of a list at first, and how many times as many then."""


def of_task(task: Task) -> list[PostingItem]:
    """All postings of a task."""
    place = _written((task.added, task.uuid))
    return [PostingItem(key(task.node, term), place) for term in task_terms.of_task(task)]


def add_within(transaction: TransactWrite, items: Sequence[PostingItem]) -> None:
    """Write a new task's postings if all else in a transaction is written."""
    for item in items:
        transaction.save(item)


def drop_within(transaction: TransactWrite, task: Task) -> None:
    """Delete a task's postings if all else in a transaction is written."""
    for item in of_task(task):
        transaction.delete(item)


def turn_within(transaction: TransactWrite, task: Task, enabled: bool) -> None:
    """The same for its being enabled, or not any more."""
    transaction.save(_item(task, task_terms.enabled(enabled)))
    transaction.delete(_item(task, task_terms.enabled(not enabled)))


def add(items: Sequence[PostingItem]) -> None:
    """Write postings by themselves."""
    for start in range(0, len(items), MOST_ITEMS):
        with TransactWrite(connection=connection()) as transaction:
            add_within(transaction, items[start : start + MOST_ITEMS])


def _item(task: Task, term: Term) -> PostingItem:
    return PostingItem(key(task.node, term), _written((task.added, task.uuid)))


def _written(place: Place) -> str:
    return f"{written(place[0])[:26]}#{place[1]}"


def found(node: NodeName, asked: Sequence[Alternatives], after: Place | None, most: int) -> Iterator[TaskId]:
    """The uuids of tasks that may have one of the terms of each of ``asked``, in order, from behind a place.

    Of no list more than ``most`` is read before the first is given.
    """
    lists = [_List(node, terms, after) for terms in asked]
    count = _FIRST
    while len(lists) > 1 and not any(one.is_whole for one in lists) and count <= most:
        for one in lists:
            one.read(count)
        count *= _MORE
    shortest = min(lists, key=lambda one: one.length)
    for place in shortest:
        if all(one.may_hold(place) for one in lists if one is not shortest):
            yield TaskId(bare(place))


class _List:
    """The places of tasks that have one of some terms, as far as they were read."""

    def __init__(self, node: NodeName, terms: Alternatives, after: Place | None):
        self._places: list[str] = []
        self._known: set[str] = set()
        self._rest = heapq.merge(*(_read(node, term, after) for term in terms))
        self.is_whole = False

    def read(self, count: int) -> None:
        """Have read so many, or all."""
        more = list(itertools.islice(self._rest, count - len(self._places)))
        self._places += more
        self._known.update(more)
        self.is_whole = len(self._places) < count

    @property
    def length(self) -> tuple[bool, int]:
        """To compare lists by: of those that end the fewest places, else those that reach furthest."""
        if self.is_whole:
            return False, len(self._places)
        return True, -_instant(self._places[-1]) if self._places else 0

    def may_hold(self, place: str) -> bool:
        """Whether a place is in the list, or behind all that was read of it."""
        return place in self._known or (not self.is_whole and place > (self._places or [""])[-1])

    def __iter__(self) -> Iterator[str]:
        yield from self._places
        yield from self._rest


def _instant(place: str) -> int:
    """Microseconds since the year 1: enough to say which is later."""
    moment = dt.datetime.fromisoformat(place.partition("#")[0])
    return (moment - dt.datetime.min) // dt.timedelta(microseconds=1)


def _read(node: NodeName, term: Term, after: Place | None) -> Iterator[str]:
    """The places of a term's tasks, read as they are asked for."""
    start = None if after is None else _written(after)
    stretch = Stretch(("term", key(node, term)), "place", lower=start)
    found = (item.text("place") for item in raw_items.query(PostingItem, stretch, _FIRST, _MORE))
    return (place for place in found if place != start)
