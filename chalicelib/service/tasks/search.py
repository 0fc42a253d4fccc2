"""Finding tasks: by their terms, or in the listing where what is asked for has none."""

import itertools
from collections.abc import Iterator, Sequence

from chalicelib.domain import task_terms
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.service.node import posting_backfill
from chalicelib.store import postings, task_table
from chalicelib.store.list_order import Place
from chalicelib.store.task_items import StoredTask

TOGETHER = 100
"""Tasks read at once."""
_ALL = 1 << 30


class Search:
    """The tasks that a filter may find behind a place, in the order of the listing; ``chosen`` checks them.

    ``page_size`` is how many to read at once where part of them is wanted, None where all are.
    """

    def __init__(self, node: NodeName, wanted: TaskFilter, after: Place | None, page_size: int | None):
        self._node = node
        self._wanted = wanted
        self._wants_all = wanted == TaskFilter()
        terms = task_terms.of_filter(wanted)
        self._are_current = bool(terms) and posting_backfill.is_complete(node)
        """Whether they are read as they are now; the listing does not know what has changed."""
        if self._are_current:
            uuids = postings.found(node, terms, after, _ALL if page_size is None else page_size * 4)
            self.tasks = _current(node, uuids, page_size or TOGETHER)
        else:
            self.tasks = task_table.listing(node, after, page_size)

    def chosen(self, found: Sequence[StoredTask]) -> Sequence[StoredTask]:
        """Those of some tasks that are wanted."""
        if self._wants_all:
            return found
        fitting = [stored for stored in found if self._wanted.fits(stored.posted())]
        if not self._wanted.asks_for_detail:
            return fitting
        now = fitting if self._are_current else self._again(fitting)
        return [stored for stored in now if self._wanted.fits_detail(stored.read())]

    def as_they_are(self, chosen: Sequence[StoredTask]) -> list[Task]:
        """Chosen tasks with what has changed since their posting; those that are gone are left out."""
        return [stored.read() for stored in (chosen if self._are_current else self._again(chosen))]

    def _again(self, listed: Sequence[StoredTask]) -> list[StoredTask]:
        known = task_table.find_many(self._node, [stored.uuid for stored in listed])
        return [known[stored.uuid] for stored in listed if stored.uuid in known]


def _current(node: NodeName, uuids: Iterator[TaskId], count: int) -> Iterator[StoredTask]:
    while some := list(itertools.islice(uuids, min(count, TOGETHER))):
        known = task_table.find_many(node, some)
        yield from (known[uuid] for uuid in some if uuid in known)
