"""Events read from the streams of the tables by the request that asks for them: where functions serve a node.

Nothing is written for it, and nothing read while nobody asks. A look reads each open shard of four tables
once; a shard that has ended is read to its end before its children are. What this process knows of shards
and of places in them it remembers, so that the next look is one request a shard; what it does not know costs
more, never less than the truth:

    a shard with a sequence number       goes on behind it
    one that was silent since `since`    at the iterator this process got then; without, from the start of the
                                         shard, which is four hours old at most, leaving out what came before
    one whose parent was read to its end from its start

A look ends after SECONDS, having come as far as its cursor says.
"""

import concurrent.futures
import dataclasses
import datetime as dt
import functools
import time
from collections.abc import Mapping

from chalicelib.domain.errors import Unsupported
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.infrastructure import change_streams
from chalicelib.infrastructure.change_streams import AFTER, NEWEST, OLDEST, Expired, Gone, Shard, Throttled
from chalicelib.store import stream_cursor, stream_records
from chalicelib.store.events import Forgotten, Told
from chalicelib.store.models.connection import connection
from chalicelib.store.stream_cursor import SINCE, START, Cursor, name_of
from chalicelib.store.stream_look import Look, Page
from chalicelib.store.stream_records import Streamed

SECONDS = 2.5
"""How long a look may go on: beside 25 s of waiting it ends before the gateway's 29 s."""
RECORDS = 1000
"""Those that are read of a shard at once, a megabyte of them at most."""
KEPT = dt.timedelta(hours=23)
"""How old a cursor may be: streams keep a day."""
_FRESH = 600.0
"""Seconds that an iterator is used; it is good for fifteen minutes."""
_LAYOUT_FRESH = 60.0
"""Seconds for which whoever begins takes the shards to be those that are known."""
_AT_ONCE = 16


@dataclasses.dataclass(frozen=True)
class _Held:
    """An iterator at a place of a shard, got at an instant of the steady clock; ``since`` for SINCE."""

    place: str
    iterator: str
    got: float
    since: dt.datetime

    def is_at(self, place: str, since: dt.datetime) -> bool:
        is_same = self.place == place and (place != SINCE or self.since <= since)
        return is_same and time.monotonic() < self.got + _FRESH


class Streams:
    """The streams of the tables, as this process knows them; asked by one request at a time."""

    look_every = 1.0

    def __init__(self) -> None:
        self._streams: dict[str, str] = {}
        self._described = -_LAYOUT_FRESH
        self._shards: dict[bytes, tuple[Streamed, Shard]] = {}
        self._held: dict[bytes, _Held] = {}

    def begin(self) -> str:
        if time.monotonic() > self._described + _LAYOUT_FRESH:
            self._describe()
        is_open = [name for name, (_, shard) in self._shards.items() if shard.is_open]
        with _asking() as pool:
            iterators = list(pool.map(lambda name: change_streams.iterator(self._of(name), NEWEST), is_open))
        now = dt.datetime.now(UTC)
        for name, iterator in zip(is_open, iterators, strict=True):
            self._held[name] = _Held(SINCE, iterator, time.monotonic(), now)
        return Cursor(now, now, dict.fromkeys(is_open, SINCE)).pack()

    def behind(self, node: NodeName, cursor: str, most: int) -> Told:
        known = stream_cursor.unpack(cursor)
        if dt.datetime.now(UTC) > known.at + KEPT:
            raise Forgotten
        try:
            return self._behind(node, known, most)
        except Gone as error:
            self._streams.clear()  # perhaps there are new ones
            self._described = -_LAYOUT_FRESH
            raise Forgotten from error

    def _behind(self, node: NodeName, known: Cursor, most: int) -> Told:
        self._require_known(known.places)
        until = time.monotonic() + SECONDS
        look = Look(self._shards, node, dataclasses.replace(known, at=dt.datetime.now(UTC)), most)
        while True:
            pages = self._read(look.places, known.since)
            look.walk(pages)
            is_moving = any(page.records for page in pages)
            for page in pages:
                is_moving |= self._settle(page, look)
            if look.events or not is_moving or time.monotonic() > until:
                return Told(look.events, look.cursor())

    def _require_known(self, names: Mapping[bytes, str]) -> None:
        if not names.keys() <= self._shards.keys():
            self._describe()
        if not names or not names.keys() <= self._shards.keys():
            raise Forgotten

    def _describe(self) -> None:
        """Learn which shards there are now. Raises Gone, Unsupported."""
        tables = stream_records.STREAMED
        with _asking() as pool:
            found = list(pool.map(lambda one: change_streams.shards(self._stream(one)), tables))
        self._shards.clear()
        for streamed, shards in zip(tables, found, strict=True):
            self._shards |= {name_of(shard.stream, shard.id): (streamed, shard) for shard in shards}
        self._held = {name: held for name, held in self._held.items() if name in self._shards}
        self._described = time.monotonic()

    def _stream(self, streamed: Streamed) -> str:
        """The name of a table's stream. Raises Unsupported where it has none."""
        if streamed.kind not in self._streams:
            name = streamed.table.definition()["TableName"]
            table = connection().client.describe_table(TableName=name)["Table"]
            if not table.get("LatestStreamArn"):
                raise Unsupported(f"The table {name} has no stream to read events from")
            self._streams[streamed.kind] = table["LatestStreamArn"]
        return self._streams[streamed.kind]

    def _of(self, name: bytes) -> Shard:
        """A shard by what cursors call it. Raises Gone."""
        if name not in self._shards:
            raise Gone
        return self._shards[name][1]

    def _read(self, places: Mapping[bytes, str], since: dt.datetime) -> list[Page]:
        """A page of each shard, but for those that too many read just now."""
        with _asking() as pool:
            pages = [pool.submit(self._page_or_none, name, place, since) for name, place in places.items()]
            return [page for each in pages if (page := each.result()) is not None]

    def _page_or_none(self, name: bytes, place: str, since: dt.datetime) -> Page | None:
        try:
            return self._page(name, place, since)
        except Throttled:
            return None

    def _page(self, name: bytes, place: str, since: dt.datetime) -> Page:
        held = self._held.get(name)
        if held is not None and held.is_at(place, since):
            try:
                return Page(name, *change_streams.records(held.iterator, RECORDS))
            except Expired:
                pass
        shard = self._of(name)
        if place in (SINCE, START):
            iterator = change_streams.iterator(shard, OLDEST)
        else:
            iterator = change_streams.iterator(shard, AFTER, place)
        return Page(name, *change_streams.records(iterator, RECORDS))

    def _settle(self, page: Page, look: Look) -> bool:
        """Remember how far a shard was read; whether its children are to be read now."""
        name = page.shard
        if page.is_walked and page.behind:
            self._held[name] = _Held(look.places[name], page.behind, time.monotonic(), look.since)
            return False
        self._held.pop(name, None)
        if not page.is_walked:
            return False
        children = self._children(name)
        if children:  # which are told of a moment after their parent ended
            del look.places[name]
            look.places |= dict.fromkeys(children, START)
        return bool(children)

    def _children(self, name: bytes) -> list[bytes]:
        parent = self._of(name)
        for _ in range(2):
            found = [
                other
                for other, (_, shard) in self._shards.items()
                if (shard.stream, shard.parent) == (parent.stream, parent.id)
            ]
            if found:
                break
            self._describe()
        return found


def _asking() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(_AT_ONCE)


@functools.cache
def streams() -> Streams:
    """Those of this process."""
    return Streams()


def forget() -> None:
    """Know nothing of them any more: the tables are other ones."""
    streams.cache_clear()
    stream_records.forget()
