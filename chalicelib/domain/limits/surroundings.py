"""What a policy asks of the world around it, as interfaces: nothing here or beside it dials out.

Troubles are ``errors.Unavailable``, for what did not answer or not as it should; each identifier and limit
has a rule of its own for that.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.limits.networks import Networks


class Names(Protocol):
    """A name server. All time-outs are for the whole of an answer; an empty one is for a name there is not.

    Raises Unavailable for no answer in time, and for a name that has no record of the kind.
    """

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        """The TXT records of a name."""
        ...

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        """The addresses of a name, of one IP version or of both."""
        ...

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        """The names of an address, with a dot at the end."""
        ...


@dataclasses.dataclass(frozen=True)
class ListSource:
    """A list of networks kept by others: where it is, and how often it is read again.

    ``script`` and ``args`` are of the jq that makes lines of its JSON, None for a text that has them.
    """

    url: str
    update: dt.timedelta
    retry: dt.timedelta
    script: str | None = None
    args: str = "{}"
    bind: str | None = None
    proxy: str | None = None


class Lists(Protocol):
    """Lists of networks kept by others, read again when it is time."""

    def networks(self, source: ListSource) -> Networks | None:
        """What a list last held; None when it was never read."""
        ...


@dataclasses.dataclass(frozen=True)
class Query:
    """One GET of a url-fetch limit."""

    url: str
    headers: Mapping[str, str]
    params: Mapping[str, str]
    timeout: dt.timedelta
    bind: str | None = None
    verify: bool = True
    follow: bool = True
    proxy: str | None = None


class Pages(Protocol):
    """The web."""

    def get(self, query: Query) -> tuple[int, str]:
        """Status and text of a page. Raises Unavailable."""
        ...


class Interfaces(Protocol):
    """The interfaces of this machine."""

    def addresses(self) -> Networks:
        """The addresses they have."""
        ...

    def subnets(self) -> Networks:
        """The networks these are in."""
        ...


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """All of the world that a policy can ask."""

    jq: Jq
    names: Names
    lists: Lists
    pages: Pages
    interfaces: Interfaces
