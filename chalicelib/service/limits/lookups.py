"""What policies look up elsewhere - names, lists of networks, pages -, with caches and an end to it all.

Strangers cause look-ups by asking from many addresses, so everything kept is bounded in number and age, and
one judgement has so many seconds for all it looks up.
"""

import collections
import datetime as dt
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from chalicelib.domain.documents import load
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits.networks import Networks, read_lines
from chalicelib.domain.limits.surroundings import (
    ListSource,
    Names,
    Query,
    Surroundings,
)
from chalicelib.infrastructure import web
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from chalicelib.infrastructure.name_server import NameServer
from chalicelib.infrastructure.subnets import LocalInterfaces
from chalicelib.infrastructure.web import Want

SECONDS_TO_LOOK_UP = 8.0
"""Seconds that one judgement may look things up."""
MOST_KEPT = 4096
KNOWN_FOR, UNKNOWN_FOR = 300.0, 30.0
"""Seconds that an answer is kept, and that a name server is not asked again which gave none."""
LIST_TIMEOUT = 5.0
LARGEST_LIST = 8 * 2**20
LARGEST_PAGE = 2**20
MOST_LISTS = 64
SHORTEST = 1.0
"""Seconds between two readings of a list, whatever a policy says."""

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Answers kept for a while; the oldest goes where there would be too many."""

    def __init__(self, most: int = MOST_KEPT, clock: Callable[[], float] = time.monotonic):
        self._most, self._clock = most, clock
        self._values: collections.OrderedDict[Hashable, tuple[float, Value]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Value | None:
        with self._lock:
            until, value = self._values.get(key, (0.0, None))
        return value if until > self._clock() else None

    def keep(self, key: Hashable, value: Value, seconds: float) -> None:
        with self._lock:
            self._values[key] = (self._clock() + seconds, value)
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class KeptNames:
    """Name servers, asked once in a while about each name."""

    def __init__(self, server: Names, clock: Callable[[], float] = time.monotonic):
        self._server = server
        self._kept: Kept[Sequence[str] | Unavailable] = Kept(clock=clock)

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._ask(("TXT", name), lambda: self._server.texts(name, timeout))

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        return self._ask((version, name), lambda: self._server.addresses(name, timeout, version))

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._ask(("PTR", address), lambda: self._server.names(address, timeout))

    def _ask(self, key: Hashable, ask: Callable[[], Sequence[str]]) -> Sequence[str]:
        found = self._kept.find(key)
        if found is None:
            try:
                found = ask()
                self._kept.keep(key, found, KNOWN_FOR)
            except Unavailable as error:
                self._kept.keep(key, error, UNKNOWN_FOR)
                raise
        if isinstance(found, Unavailable):
            raise Unavailable(found.message)
        return found


class KeptLists:
    """Lists of networks, read again when it is time; whoever comes meanwhile gets the one before."""

    def __init__(self, jq: Jq, clock: Callable[[], float] = time.monotonic):
        self._jq, self._clock = jq, clock
        self._lists: dict[ListSource, _List] = {}
        self._lock = threading.Lock()

    def networks(self, source: ListSource) -> Networks | None:
        with self._lock:
            if source not in self._lists and len(self._lists) >= MOST_LISTS:
                self._lists.pop(next(iter(self._lists)))
            found = self._lists.setdefault(source, _List(source))
        return found.networks(self._jq, self._clock)


class _List:
    def __init__(self, source: ListSource):
        self._source = source
        self._networks: Networks | None = None
        self._next = 0.0
        self._reading = threading.Lock()

    def networks(self, jq: Jq, clock: Callable[[], float]) -> Networks | None:
        was_never_read = self._next == 0.0
        if (was_never_read or clock() >= self._next) and self._reading.acquire(blocking=was_never_read):
            try:
                if clock() >= self._next:
                    self._read(jq, clock)
            finally:
                self._reading.release()
        return self._networks

    def _read(self, jq: Jq, clock: Callable[[], float]) -> None:
        pause = self._source.retry
        try:
            self._networks = read_list(self._source, jq)
            pause = self._source.update
        except (Unavailable, Invalid, ScriptFailed):
            pass  # the list before stays, and a policy says what holds without any
        self._next = clock() + max(SHORTEST, pause.total_seconds())


def read_list(source: ListSource, jq: Jq) -> Networks:
    """The networks that a list has now. Raises Unavailable, Invalid, ScriptFailed."""
    text = _text(source)
    if source.script is None:
        return read_lines(text)
    found = jq.run(source.script, load(source.args, "args"), load(text, "The list"))
    return read_lines("\n".join(str(line) for line in found))


def _text(source: ListSource) -> str:
    if source.url.startswith("file://"):
        path = pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(source.url).path))
        try:
            with path.open(encoding="utf-8", errors="replace") as opened:
                return opened.read(LARGEST_LIST)
        except OSError as error:
            raise Unavailable(f"{source.url} cannot be read: {error.strerror}") from error
    status, text = web.get(Want(source.url, LIST_TIMEOUT, LARGEST_LIST, bind=source.bind, proxy=source.proxy))
    if status != 200:
        raise Unavailable(f"A list's URL answered with status {status}")
    return text


class _Patience:
    """The seconds that one judgement has for looking things up."""

    def __init__(self, seconds: float):
        self._until = time.monotonic() + seconds

    def of(self, wanted: dt.timedelta) -> dt.timedelta:
        """As much of a time-out as is left. Raises Unavailable where nothing is."""
        left = dt.timedelta(seconds=self._until - time.monotonic())
        if left <= dt.timedelta(0):
            raise Unavailable(f"More than {SECONDS_TO_LOOK_UP:.0f} seconds were spent looking things up")
        return min(wanted, left)


class _PatientNames:
    def __init__(self, names: Names, patience: _Patience):
        self._names, self._patience = names, patience

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._names.texts(name, self._patience.of(timeout))

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        return self._names.addresses(name, self._patience.of(timeout), version)

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._names.names(address, self._patience.of(timeout))


class _PatientPages:
    def __init__(self, patience: _Patience):
        self._patience = patience

    def get(self, query: Query) -> tuple[int, str]:
        seconds = self._patience.of(query.timeout).total_seconds()
        return web.get(
            Want(
                query.url,
                seconds,
                LARGEST_PAGE,
                query.headers,
                query.params,
                query.bind,
                query.verify,
                query.follow,
                query.proxy,
            )
        )


_NAMES = KeptNames(NameServer())
_LISTS = KeptLists(SANDBOX)
_INTERFACES = LocalInterfaces()


def jq() -> Jq:
    """What runs the scripts of policies."""
    return SANDBOX


def surroundings() -> Surroundings:
    """The world, for one judgement."""
    patience = _Patience(SECONDS_TO_LOOK_UP)
    return Surroundings(
        SANDBOX, _PatientNames(_NAMES, patience), _LISTS, _PatientPages(patience), _INTERFACES
    )
