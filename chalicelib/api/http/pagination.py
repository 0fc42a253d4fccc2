"""Lists cut into pages: ``limit``, an opaque ``cursor``, and ``Link: rel="next"`` (RFC 8288).

A cursor is the place of the last thing looked at, so a page costs the same wherever it begins, and
what is added or deleted meanwhile neither doubles nor hides anything else. It is not signed: all that
can be made of it is a place in a list that may be read anyway.
"""

import base64
import binascii
import dataclasses
import datetime as dt
import itertools
import json
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from chalicelib.api.http.router import Request
from chalicelib.api.openapi.operations import Argument, integer, word
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.store.list_order import Place

PAGE = 100
"""Things on a page whose size the client leaves to us."""
LOOKED_AT = 1000
"""Things looked at for one page, at least; where few are wanted a page may hold less than its limit."""
_CHUNK = 250

ARGUMENTS: tuple[Argument, ...] = (
    integer("limit", "At most this many; the Link leads to the next part", least=1),
    word("cursor", "Where to continue, from the Link of the previous part"),
)

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Page(Generic[Item]):
    """Part of a list; ``next`` is the place to go on behind, None at the end."""

    items: Sequence[Item]
    next: Place | None = None


@dataclasses.dataclass(frozen=True)
class Cut:
    """How a list is to be cut: no ``limit`` is all of it, ``after`` the place the page begins behind."""

    limit: int | None
    after: Place | None

    @property
    def first_read(self) -> int:
        """How many things to read at once: a few more tell that there is a next page, and where ties end."""
        return min(_CHUNK, (self.limit or _CHUNK) + 4)


def cut(request: Request, name: str) -> Cut:
    """What ``limit`` and ``cursor`` ask for of a named list. Raises Invalid."""
    limit, cursor = request.integer("limit", least=1), request.args.get("cursor")
    if cursor is None:
        return Cut(limit, None)
    return Cut(limit or PAGE, _read(cursor, name))


def page(
    found: Iterator[Item],
    wanted: Callable[[Sequence[Item]], Sequence[Item]],
    place_of: Callable[[Item], Place],
    limit: int | None,
) -> Page[Item]:
    """The first ``limit`` things that are ``wanted``, which is asked of many at a time."""
    if limit is None:
        return Page(list(itertools.chain.from_iterable(pieces(found, wanted))))
    taken: list[Item] = []
    looked_at = 0
    while chunk := list(itertools.islice(found, min(_CHUNK, limit - len(taken) + 1))):
        taken += wanted(chunk)
        looked_at += len(chunk)
        if len(taken) > limit:
            return Page(taken[:limit], place_of(taken[limit - 1]))
        if looked_at >= max(LOOKED_AT, limit + 1):
            return Page(taken, place_of(chunk[-1]))
    return Page(taken)


def pieces(
    found: Iterator[Item], wanted: Callable[[Sequence[Item]], Sequence[Item]]
) -> Iterator[Sequence[Item]]:
    """All things that are ``wanted``, some at a time, read as they are asked for."""
    while chunk := list(itertools.islice(found, _CHUNK)):
        yield wanted(chunk)


def link(request: Request, path: str, name: str, after: Place | None) -> dict[str, str]:
    """The header that leads to the next page; none where there is none."""
    if after is None:
        return {}
    arguments = {**request.args, "cursor": _written(name, after)}
    return {"Link": f'<{request.base}{path}?{urllib.parse.urlencode(arguments)}>; rel="next"'}


def _written(name: str, place: Place) -> str:
    text = json.dumps([name, place[0].isoformat(), place[1]], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str, name: str) -> Place:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = _place(json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)), name)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Invalid("cursor: must be one from the Link of an earlier page of this list") from error
    return place


def _place(value: JSON, name: str) -> Place:
    if not isinstance(value, list) or len(value) != 3 or value[0] != name:
        raise ValueError("a cursor of another list")
    if not isinstance(value[1], str) or not isinstance(value[2], str):
        raise ValueError("no place")
    moment = dt.datetime.fromisoformat(value[1])
    if moment.utcoffset() is None or not 1000 < moment.year < 9999:
        raise ValueError("no instant")
    return moment, value[2]
