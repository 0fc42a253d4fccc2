"""Asking other nodes, over HTTP. ``network()`` is the one way out; ``use`` puts another in its place.

Every call has an end: however slowly a peer answers, what it was asked comes back in time, as a reply
or as an error. Calls made together go out together, so that a slow peer delays nobody but who waits for it.
"""

import contextlib
import dataclasses
import functools
import json
import logging
import ssl
import threading
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import urllib3
import urllib3.exceptions

from chalicelib.domain import hosts
from chalicelib.domain.documents import DEEPEST_REPLY, load_whole
from chalicelib.domain.errors import Invalid, PeerError, Refused, TimedOut, Unreachable
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure import lines, peer_failures
from chalicelib.infrastructure.peer_turns import PeerTurns
from chalicelib.settings import settings

LOG = logging.getLogger(__name__)

LARGEST_REPLY = 16 * 2**20
"""Bytes read of an answer."""
_CHUNK = 65536
_MOST_POOLS = 200
"""Peers to which connections are kept."""
_KEPT = 64
"""Connections kept to each."""
_HEADERS = {"Accept": "application/json, text/plain", "User-Agent": "pscheduler"}


@dataclasses.dataclass(frozen=True)
class Call:
    """One request to another node. ``path`` is below its /pscheduler, ``host`` as participants are named.

    ``timeout`` is in seconds and holds for the whole of it; ``bind`` is the local address to ask from.
    """

    method: str
    host: str
    path: str
    args: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: JSON = None
    timeout: float = 10.0
    bind: str | None = None

    @property
    def target(self) -> str:
        """Path and query as they go out."""
        query = urllib.parse.urlencode(self.args)
        return f"/pscheduler{self.path}" + (f"?{query}" if query else "")


@dataclasses.dataclass(frozen=True)
class Reply:
    """What a node answered, whatever the status."""

    host: str
    status: int
    text: str

    def json(self) -> JSON:
        """Raises Refused when it is no JSON, or nested too deeply."""
        try:
            return load_whole(self.text, "Its answer", DEEPEST_REPLY)
        except Invalid as error:
            raise Refused(self.host, "answered with something other than JSON", self.status) from error


class Network(Protocol):
    """How other nodes are reached."""

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        """Make calls side by side; what came of each, in their order. Raises nothing for a peer's fault."""
        ...


_in_place: list[Network] = []


def network() -> Network:
    """The network in use: HTTP, unless another was put in its place."""
    return _in_place[-1] if _in_place else _http()


@contextlib.contextmanager
def use(other: Network) -> Iterator[None]:
    """Reach other nodes some other way meanwhile, in all threads: for tests and simulations."""
    _in_place.append(other)
    try:
        yield
    finally:
        _in_place.remove(other)


@functools.cache
def _http() -> "Http":
    return Http()


class Http:
    """The network there is. Connections are kept and used again."""

    def __init__(self) -> None:
        self._pools = urllib3.PoolManager(_MOST_POOLS, maxsize=_KEPT)
        self._pools.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        self.turns = PeerTurns()

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        began = time.monotonic()
        exchanges = [_Exchange(self, call) for call in calls]
        for exchange in exchanges:
            exchange.start()
        return [exchange.outcome_by(began + exchange.call.timeout) for exchange in exchanges]

    def pool(self, call: Call) -> urllib3.HTTPConnectionPool:
        """The connections to a call's host. Raises Invalid for what names no host."""
        host, known = hosts.parse(call.host), settings()
        # An IPv6 address without a port would be taken for one that ends in it.
        port = host.port or known.peer_port or hosts.PORTS[known.peer_scheme]
        how: dict[str, object] = {"source_address": (call.bind, 0)} if call.bind else {}
        if known.peer_scheme == "https":
            how["ssl_context"] = _tls(known.verify_tls, known.peer_ca)
        return self._pools.connection_from_host(host.name, port, known.peer_scheme, how)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = lines.Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = lines.Secure


@functools.cache
def _tls(verify: bool, authorities: str) -> ssl.SSLContext:
    """One for all peers: connections are kept by it."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        context.load_verify_locations(authorities)
    return context


class _Exchange(threading.Thread):
    """One call under way. Whoever waits for it gives up in time, and then its connection is cut."""

    def __init__(self, network: Http, call: Call):
        super().__init__(name=f"ask {call.host}", daemon=True)
        self.call = call
        self._network = network
        self._outcome: Reply | PeerError | None = None
        self._line = lines.Line()

    def run(self) -> None:
        lines.use(self._line)
        try:
            self._outcome = self._exchange()
        except PeerError as error:
            self._outcome = error
        except Invalid as error:
            self._outcome = Unreachable(self.call.host, error.message)
        except Exception as error:  # whatever it is, somebody waits for an outcome
            LOG.exception("A call to %s broke", self.call.host)
            self._outcome = Unreachable(self.call.host, f"cannot be asked: {error!r}")
        finally:
            self._line.let_go()

    def outcome_by(self, deadline: float) -> Reply | PeerError:
        """What came of it by an instant of time.monotonic()."""
        self.join(max(0.0, deadline - time.monotonic()))
        if self._outcome is None:
            self._line.cut()
            return TimedOut(self.call.host, f"did not answer within {self.call.timeout:.3g} seconds")
        return self._outcome

    def _exchange(self) -> Reply:
        call = self.call
        try:
            return self._once()
        except urllib3.exceptions.TimeoutError as error:
            raise TimedOut(call.host, f"did not answer within {call.timeout:.3g} seconds") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            why, advice = peer_failures.why(error), peer_failures.advice(error, call.host)
            raise Unreachable(call.host, f"cannot be reached: {why}{advice}") from error

    def _once(self) -> Reply:
        with self._network.turns.turn(self.call.host, self.call.timeout):
            return self._in_turn()

    def _in_turn(self) -> Reply:
        call = self.call
        body = None if call.body is None else json.dumps(call.body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        # What changes nothing may be asked again, should a kept connection turn out to be closed.
        again = urllib3.Retry(
            total=1 if call.method in ("GET", "DELETE") else 0,
            connect=0,
            other=0,
            status=0,
            redirect=False,
            respect_retry_after_header=False,  # whoever asked is to hear what was answered
            allowed_methods=None,
            backoff_factor=0,
        )
        answer = self._network.pool(call).urlopen(
            call.method,
            call.target,
            body=body,
            headers={**_HEADERS, **kind},
            retries=again,
            redirect=False,
            timeout=call.timeout,
            preload_content=False,
        )
        try:
            return Reply(call.host, answer.status, _text(answer))
        finally:
            answer.release_conn()


def _text(answer: urllib3.BaseHTTPResponse) -> str:
    content = bytearray()
    while chunk := answer.read(_CHUNK):
        content += chunk
        if len(content) > LARGEST_REPLY:
            answer.close()
            raise ValueError(f"its answer has more than {LARGEST_REPLY} bytes")
    return content.decode(errors="replace").rstrip("\n")
