"""The HTTP front: sockets, threads and TLS around ``gateway``, with the app behind it.

cheroot reads and writes HTTP. Its gateway interface is used rather than WSGI because that tells
neither the raw path nor the local address of a connection.
"""

import http.client
import ipaddress
import logging
import pathlib
import threading
from typing import Any

import chalice
import chalice.local
import cheroot.errors
import cheroot.server
import cheroot.ssl.builtin

from local import gateway

_LOG = logging.getLogger(__name__)

THREADS = 96
"""Requests at a time. A long poll holds one for up to 25 s."""
LARGEST_REQUEST = 10 * 1024 * 1024
_TIMEOUT = 29.0


def safe_for_threads(app: chalice.Chalice) -> chalice.Chalice:
    """The app with a current request for every thread: Lambda has one request at a time, we many."""
    if not isinstance(app, chalice.local.LocalChalice):
        threaded = type("ThreadedChalice", (chalice.local.LocalChalice, type(app)), {})
        app.__class__ = threaded
    return app


class HttpServer:
    """A server for the app, in a thread of its own.

    ``address`` and ``port`` as given, port 0 for any; ``certificate`` is a PEM file with key and chain.
    """

    def __init__(self, app: Any, address: str, port: int, certificate: pathlib.Path | None = None):
        self._app = safe_for_threads(app)
        self._routes = gateway.Routes(app.routes)
        self._server = cheroot.server.HTTPServer((address, port), self._connect(), THREADS, THREADS)
        self._server.request_queue_size = 512
        self._server.keep_alive_conn_limit = 2000
        self._server.timeout = 65
        self._server.shutdown_timeout = 3
        self._server.max_request_body_size = LARGEST_REQUEST
        self._server.max_request_header_size = 64 * 1024
        self._server.server_name = gateway.STAGE
        self._server.error_log = _log_cheroot  # type: ignore[method-assign]
        if certificate is not None:
            self._server.ssl_adapter = cheroot.ssl.builtin.BuiltinSSLAdapter(certificate, certificate)

    def _connect(self) -> type[cheroot.server.Gateway]:
        front = self

        class Gateway(cheroot.server.Gateway):
            def respond(self) -> None:
                _send(self.req, front.answer(self.req))

        return Gateway

    def start(self) -> int:
        """Listen and serve. The port; OSError when it cannot be had."""
        self._server.prepare()
        threading.Thread(target=self._server.serve, name="front", daemon=True).start()
        return int(self._server.bind_addr[1])

    def stop(self) -> None:
        """Serve no more; requests under way get 3 s."""
        self._server.stop()

    def answer(self, incoming: Any) -> gateway.Response:
        """The response to a request cheroot has read the headers of."""
        try:
            request = _request(incoming)
        except (cheroot.errors.MaxSizeExceeded, OSError):
            incoming.close_connection = True
            return gateway.plain(413, "A request may hold 10 MB.")
        except ValueError:
            incoming.close_connection = True
            return gateway.plain(400, "The chunks of the request cannot be read.")
        event = gateway.event(request, self._routes)
        if event is None:
            return gateway.plain(404, "Not found.")
        try:
            return gateway.response(self._app(event, gateway.Context("api", _TIMEOUT)))
        except Exception:
            _LOG.exception("%s %s failed", request.method, request.target)
            return gateway.plain(500, "Internal server error.")


def _request(incoming: Any) -> gateway.Request:
    connection = incoming.conn
    local = connection.socket.getsockname()
    return gateway.Request(
        method=incoming.method.decode("latin-1"),
        target=incoming.uri.decode("latin-1"),
        headers={n.decode("latin-1"): v.decode("latin-1") for n, v in incoming.inheaders.items()},
        body=incoming.rfile.read(),
        client=_address(connection.remote_addr),
        server=_address(local[0]),
        port=int(local[1]),
        scheme=incoming.scheme.decode("latin-1"),
    )


def _address(text: str) -> str:
    """An address without its scope; IPv4 as such when it came over an IPv6 socket."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return str(getattr(address, "ipv4_mapped", None) or address)


def _send(outgoing: Any, response: gateway.Response) -> None:
    phrase = http.client.responses.get(response.status, "Unknown")
    outgoing.status = f"{response.status} {phrase}".encode()
    headers, body = response.headers, response.body
    if response.status not in gateway.NO_BODY and isinstance(body, bytes):
        headers = [*headers, ("Content-Length", str(len(body)))]
    outgoing.outheaders = [
        (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers
    ]
    outgoing.ensure_headers_sent()
    if response.status not in gateway.NO_BODY and outgoing.method != b"HEAD":
        for piece in (body,) if isinstance(body, bytes) else body:
            if piece:  # an empty chunk would end it
                outgoing.write(piece)


def _log_cheroot(msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
    _LOG.log(min(level, logging.INFO), "%s", msg, exc_info=traceback)
