"""Names and addresses of the hosts that tools measure to (docs/contract/tools.md section 0).

Looking up goes through the operating system, which takes its own time; a limit is kept by leaving
the lookup behind in its thread.
"""

import contextlib
import dataclasses
import functools
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from chalicelib.domain import echoes
from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed
from plugins.support import guarded_connections

LOOKUP_LIMIT = 2.0
"""Seconds a lookup may take."""

Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def limited(seconds: float, work: Callable[[], Answer]) -> Answer:
    """What a function returns or raises, or TimeoutError when it is not done in so many seconds.

    The function goes on in its thread then, so it must come to an end by itself.
    """
    return _result(_begin(work), seconds)


def together(seconds: float, works: Iterable[Callable[[], Answer]]) -> list[Answer]:
    """What functions running side by side return, in their order; raises what the first to fail raised.

    TimeoutError when one is not done in so many seconds, counted for all of them from now.
    """
    deadline = time.monotonic() + seconds
    return [_result(ends, deadline - time.monotonic()) for ends in [_begin(work) for work in works]]


_End = tuple[Answer | None, BaseException | None]


def _begin(work: Callable[[], Answer]) -> "queue.SimpleQueue[_End[Answer]]":
    ends: queue.SimpleQueue[_End[Answer]] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            ends.put((work(), None))
        except BaseException as error:  # it is raised where it is waited for
            ends.put((None, error))

    threading.Thread(target=attempt, daemon=True).start()
    return ends


def _result(ends: "queue.SimpleQueue[_End[Answer]]", seconds: float) -> Answer:
    try:
        answer, error = ends.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise TimeoutError(f"Not done in {seconds:g} seconds") from None
    if error is not None:
        raise error
    return answer  # type: ignore[return-value]


def resolve(host: str, version: int | None = None, port: int | None = None) -> Address:
    """The address of a host to measure to, an IPv4 one where it has both kinds and no version is asked for.

    Raises PluginFailed where there is none, or none in time, and where tasks must not reach it or its
    ``port``.
    """
    found = own_address(host, version)
    guarded_connections.check(found, port, guarded_connections.Purpose.PROBE)
    return found


def own_address(host: str, version: int | None = None) -> Address:
    """The same of a host that is measured from: nothing is sent there. Raises PluginFailed."""
    found = _addresses(host)
    wanted = [address for address in found if version in (None, address.version)]
    if not wanted:
        raise PluginFailed(f"{host} has no IPv{version} address")
    return min(wanted, key=lambda address: address.version)


def source_address(host: str, version: int | None = None) -> str | None:
    """The address to measure from, as ``to_bind`` says. Raises PluginFailed where there is none."""
    return to_bind(str(own_address(host, version)))


_translated: list[bool] = []


def behind_translation() -> None:
    """Take it from now on that this host may be known by addresses it does not have: those of a NAT."""
    _translated[:] = [True]


def to_bind(address: str | None) -> str | None:
    """What of this host's is to be bound to an address; None for the system to choose.

    That is so where none is asked for, and where it is one that a NAT has.
    """
    if address is None or not _translated:
        return address
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as end:
            end.bind((address, 0))
    except OSError:
        return None
    return address


@dataclasses.dataclass(frozen=True)
class Ends:
    """The addresses to measure between; ``source`` is None where the system is to choose."""

    source: str | None
    dest: str
    version: int


def ends(source: str | None, dest: str, version: int | None = None, port: int | None = None) -> Ends:
    """The addresses of two hosts that can talk to each other, IPv6 where both have it; or of one alone.

    Raises PluginFailed where there are none, and where tasks must not reach the destination or its ``port``.
    """
    if source is None:
        alone = resolve(dest, version, port)
        return Ends(None, str(alone), alone.version)
    near, far = _pair(source, dest, version)
    guarded_connections.check(far, port, guarded_connections.Purpose.PROBE)
    return Ends(to_bind(str(near)), str(far), far.version)


def _pair(source: str, dest: str, version: int | None) -> tuple[Address, Address]:
    sources, dests = _addresses(source), _addresses(dest)
    for number in [version] if version else [6, 4]:
        near, far = (next((a for a in found if a.version == number), None) for found in (sources, dests))
        if near and far:
            return near, far
    kind = f"IPv{version}" if version else "the same version of IP"
    raise PluginFailed(f"{source} and {dest} have no addresses of {kind}")


def without_scope(address: str) -> str:
    """An address as results have it: which interface a link-local one is at means nothing elsewhere."""
    return address.partition("%")[0]


def _addresses(host: str) -> list[Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass  # a name
    try:
        found = limited(LOOKUP_LIMIT, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except TimeoutError as error:
        raise PluginFailed(f"{echoes.name(host)} was not found in {LOOKUP_LIMIT:g} seconds") from error
    except (OSError, UnicodeError) as error:
        raise PluginFailed(f"{echoes.name(host)} was not found: {error}") from error
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def names(addresses: Iterable[str]) -> dict[str, str]:
    """The names of addresses, looked up side by side; those without one, or without one in time, lack."""
    return found(LOOKUP_LIMIT, {address: functools.partial(_name, address) for address in addresses})


def found(
    seconds: float,
    lookups: Mapping[Key, Callable[[], Answer]],
    nothing: tuple[type[Exception], ...] = (OSError, UnicodeError),
) -> dict[Key, Answer]:
    """What lookups running side by side find in so many seconds from now.

    Those that are not done then, or that raise an error meaning that there is ``nothing``, lack.
    """
    deadline = time.monotonic() + seconds
    answers = {}
    for key, ends in [(key, _begin(lookup)) for key, lookup in lookups.items()]:
        with contextlib.suppress(TimeoutError, *nothing):
            answers[key] = _result(ends, deadline - time.monotonic())
    return answers


def _name(address: str) -> str:
    return socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]


def add_names(roundtrips: Iterable[dict[str, JSON]]) -> None:
    """Put the name of its host, where it has one, into every round trip that has an ``ip``."""
    trips = [trip for trip in roundtrips if "ip" in trip]
    found = names(trip["ip"] for trip in trips)
    for trip in trips:
        if trip["ip"] in found:
            trip["hostname"] = found[trip["ip"]]
