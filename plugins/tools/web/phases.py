"""How long the parts of fetching a URL take: looking names up, connecting, TLS, the wait for an answer."""

import contextlib
import datetime as dt
import functools
import time
from collections.abc import Iterator, Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration


class Stopwatch:
    """Adds up what each phase took; one that comes again, as after a redirection, goes on."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}

    @contextlib.contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """The time of the block is the phase's, but for that of phases within."""
        begun, inner = time.perf_counter(), self._sum()
        try:
            yield
        finally:
            own = time.perf_counter() - begun - (self._sum() - inner)
            self._taken[phase] = self._taken.get(phase, 0.0) + own

    def _sum(self) -> float:
        return sum(self._taken.values())

    def read(self) -> Mapping[str, dt.timedelta]:
        """The phases there were, in the order they ended."""
        return {phase: dt.timedelta(seconds=taken) for phase, taken in list(self._taken.items())}


@functools.cache
def tls() -> JSON:
    """How HTTPS is spoken, nothing verified; asked for beforehand, its making is in no measurement."""
    import ssl

    import urllib3.util

    # Left to make one for each connection, urllib3 loads all authorities: that takes longer than a handshake.
    context = urllib3.util.create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    return context


def timed(connection: type[JSON], watch: Stopwatch, encrypted: bool) -> type[JSON]:
    """A kind of urllib3's connections whose making is timed: ``connect``, and ``tls`` where encrypted."""

    class Timed(connection):
        def _new_conn(self) -> JSON:
            with watch.during("connect"):
                return super()._new_conn()

        def connect(self) -> None:
            with watch.during("tls" if encrypted else "connect"):
                super().connect()

    return Timed


def shown(phases: Mapping[str, dt.timedelta], total: dt.timedelta) -> dict[str, JSON]:
    """The member ``phases`` of a result."""
    return {name: format_duration(taken) for name, taken in {**phases, "total": total}.items()}
