"""One look at the streams of the tables: what was read of each shard, as events in the order they came."""

import dataclasses
import datetime as dt
import heapq
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure.change_streams import Shard
from chalicelib.store import stream_records
from chalicelib.store.events import Event
from chalicelib.store.stream_cursor import Cursor
from chalicelib.store.stream_records import Streamed

_MARGIN = dt.timedelta(seconds=5)
"""How much before a cursor's ``since`` something may be dated that came after it."""


@dataclasses.dataclass
class Page:
    """What was read of a shard: ``behind`` is the iterator behind it, "" at the shard's end."""

    shard: bytes
    records: Sequence[JSON]
    behind: str
    walked: int = 0

    @property
    def is_walked(self) -> bool:
        return self.walked == len(self.records)


class Look:
    """What one look has found so far, and how far it has come."""

    def __init__(
        self, shards: Mapping[bytes, tuple[Streamed, Shard]], node: NodeName, known: Cursor, most: int
    ):
        self._shards, self._node, self._known, self._most = shards, node, known, most
        self.places = dict(known.places)
        self.events: list[Event] = []

    @property
    def since(self) -> dt.datetime:
        return self._known.since

    def cursor(self) -> str:
        return dataclasses.replace(self._known, places=self.places).pack()

    def walk(self, pages: Sequence[Page]) -> None:
        """Go through what was read, by when it came and then by table, up to as many events as are wanted."""
        by_table = sorted(pages, key=self._table_of)
        for page, record in heapq.merge(*map(self._dated, by_table), key=lambda one: _at(one[1])):
            if len(self.events) == self._most:
                return
            self._take(page, record)

    def _table_of(self, page: Page) -> int:
        return stream_records.STREAMED.index(self._shards[page.shard][0])

    @staticmethod
    def _dated(page: Page) -> Iterator[tuple[Page, JSON]]:
        return ((page, record) for record in page.records)

    def _take(self, page: Page, record: JSON) -> None:
        streamed = self._shards[page.shard][0]
        self.places[page.shard] = record["dynamodb"]["SequenceNumber"]
        page.walked += 1
        if _at(record) < self._known.since - _MARGIN:
            return
        members = stream_records.members(streamed, record, self._node)
        if members is not None:
            self.events.append(Event(_at(record), streamed.kind, members, self.cursor()))


def _at(record: JSON) -> dt.datetime:
    """When a change was made, as the stream has it: in whole seconds."""
    at: dt.datetime = record["dynamodb"]["ApproximateCreationDateTime"]
    return at
