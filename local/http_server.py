"""The HTTP front: a listening socket, an event loop in a thread of its own, and the app behind it.

uvicorn reads and writes HTTP (``front.protocol``); which connections there may be, and how long each may
take, is for ``front.connections`` to say, and who calls the app for ``front.request_lanes``.
"""

import asyncio
import contextlib
import email.utils
import errno
import logging
import pathlib
import resource
import socket
import ssl
import threading
from typing import Any

import chalice
import chalice.local
import uvicorn
from uvicorn.server import ServerState

from chalicelib.domain import proxy_headers
from chalicelib.settings import settings
from local.front import asgi
from local.front.connections import Connections
from local.front.held_requests import Waiting
from local.front.protocol import Connection, plain
from local.routes import STAGE

LARGEST_REQUEST = asgi.LARGEST_REQUEST
MOST_CONNECTIONS = 4096
SPARE_DESCRIPTORS = 512
"""For everything but clients: the engine, programs, other nodes."""
BACKLOG = 1024
HANDSHAKE = 10.0
"""Seconds TLS may take to be agreed on."""
STOP = 3.0
"""Seconds that requests under way get when the front stops."""
_ACCEPTED_AT_ONCE = 16

_LOG = logging.getLogger(__name__)


def safe_for_threads(app: chalice.Chalice) -> chalice.Chalice:
    """The app with a current request for every thread: Lambda has one request at a time, we many."""
    if not isinstance(app, chalice.local.LocalChalice):
        threaded = type("ThreadedChalice", (chalice.local.LocalChalice, type(app)), {})
        app.__class__ = threaded
    return app


def most_connections() -> int:
    """How many connections may be open: below the descriptors of the process, of which it gets all it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + SPARE_DESCRIPTORS
    if soft < wanted and soft < hard:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(64, min(MOST_CONNECTIONS, soft - SPARE_DESCRIPTORS))


class HttpServer:
    """A server for the app, in a thread of its own.

    ``address`` and ``port`` as given, port 0 for any; ``certificate`` is a PEM file with key and chain.
    ``reads_at_once`` where an item that is stored is read sooner than a worker wakes: not over a network.
    """

    def __init__(
        self,
        app: Any,
        address: str,
        port: int,
        certificate: pathlib.Path | None = None,
        connections: int | None = None,
        reads_at_once: bool = False,
    ):
        self._app = safe_for_threads(app)
        self._where = (address, port)
        self._reads_at_once = reads_at_once
        self._tls = None if certificate is None else _tls(certificate)
        self.connections = Connections(connections or most_connections())
        self._state = ServerState()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="front", daemon=True)

    def start(self) -> int:
        """Listen and serve. The port; OSError when it cannot be had."""
        self._listening = _listening(*self._where)
        self._thread.start()
        self._ready.wait()
        return int(self._listening.getsockname()[1])

    def stop(self) -> None:
        """Serve no more; requests under way get 3 s."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(2 * STOP)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        waiting = Waiting(self._loop)
        proxies = proxy_headers.proxies(settings().trusted_proxies)
        self.application = application = asgi.Application(self._app, waiting, proxies, self._reads_at_once)
        self._config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            http=Connection,
            proxy_headers=False,
        )
        self._config.load()
        waiting.listen()
        self._loop.add_reader(self._listening.fileno(), self._accept)
        sweeping = self._loop.create_task(self._sweep())
        self._ready.set()
        await self._stopping.wait()
        await self._end(sweeping)
        waiting.close()
        application.close()

    async def _end(self, sweeping: "asyncio.Task[None]") -> None:
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()
        sweeping.cancel()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=STOP)
        for held in self.connections.everybody():
            held.close_now()

    async def _sweep(self) -> None:
        while True:
            self._state.default_headers = [
                (b"date", email.utils.formatdate(usegmt=True).encode()),
                (b"server", STAGE.encode()),
            ]
            self.connections.sweep()
            await asyncio.sleep(1.0)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._cannot_accept(error)
                return
            self._take_on(accepted, peer[0])

    def _cannot_accept(self, error: OSError) -> None:
        """The process has no descriptors left: those of clients are what can be given up."""
        _LOG.warning("No connection can be accepted: %s", error)
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self.connections.close_one()
            self._loop.remove_reader(self._listening.fileno())
            self._loop.call_later(0.1, self._accept_again)

    def _accept_again(self) -> None:
        if not self._stopping.is_set():
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _take_on(self, accepted: socket.socket, address: str) -> None:
        accepted.setblocking(False)
        connection = Connection(self.connections, accepted, address, self._config, self._state, {})
        if not self.connections.admit(connection):
            _turn_away(accepted, is_plain=self._tls is None)
            return
        task = self._loop.create_task(self._connect(connection, accepted))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        patience = None if self._tls is None else HANDSHAKE
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except (OSError, ssl.SSLError, asyncio.TimeoutError, ValueError) as error:
            _LOG.debug("A connection came to nothing: %s", error)
            self.connections.drop(connection)
            accepted.close()


def _listening(address: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
        opened.bind(where)
        opened.listen(BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _tls(certificate: pathlib.Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _turn_away(accepted: socket.socket, is_plain: bool) -> None:
    with accepted, contextlib.suppress(OSError):  # it need not be read
        if is_plain:
            accepted.send(plain(503, "There are too many connections. Try again in a second."))
