"""One connection: uvicorn's HTTP on llhttp, with an end to everything a client may take its time over."""

import asyncio
import contextlib
import http.client
import re
import socket
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.front.connections import (
    BODY,
    DEADLINES,
    FIRST,
    HEAD,
    IDLE,
    SLOWEST,
    UNREAD,
    WORK,
    Connections,
    counted_as,
)
from local.front.corked_transport import Corked

LARGEST_HEAD = 64 * 1024
"""Bytes of the request line and the headers."""
MOST_HEADERS = 100
MOST_AHEAD = 16
"""Requests that a client may send at once, without waiting for an answer."""
AROUND_A_BYTE = 8
"""Bytes around each byte of a body that comes in chunks: the least a chunk has is five."""
TOO_LONG = "The headers of a request can have at most 64 KB."
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+(?:%[\w.~-]+)?\]|[\w.~-]*)(?::\d{0,5})?", re.ASCII)
"""What may stand in a Host header: it ends up in the hrefs of answers."""


class _Refused(Exception):
    """A head that is not taken; ``args`` are the status and a line that says why."""


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, counted among ``Connections`` from the moment it was accepted."""

    def __init__(self, connections: Connections, accepted: socket.socket, address: str, *uvicorns: Any):
        super().__init__(*uvicorns)
        self.owner = counted_as(address)
        self.state, self.since = IDLE, connections.clock()
        self._all, self._accepted = connections, accepted
        self._is_new, self._is_given_up = True, False
        self._head_bytes = self._body_bytes = self._raw_bytes = self._unread = 0
        self._unread_since = self.since
        self._ahead = b""
        self._cycles: list[Any] = []

    def close_now(self) -> None:
        """Hang up, whatever is under way."""
        self._is_given_up = True
        if self.transport is not None:
            self.transport.abort()
            return
        with contextlib.suppress(OSError):  # the loop still has it: it is closed when it has noticed
            self._accepted.shutdown(socket.SHUT_RDWR)

    def time_out(self) -> None:
        """Hang up on who took too long, saying so where there is a request to answer."""
        if self.transport is not None and self.state in (HEAD, BODY):
            self.transport.write(plain(408, "The request did not come in time."))
        self.close_now()

    def is_overdue(self, now: float) -> bool:
        spent = now - self.since
        if self.state in (WORK, IDLE) and self._is_not_read(now):
            return True
        if self.state == WORK:
            return False
        if self.state == BODY:
            return spent > DEADLINES[BODY] + self._body_bytes / SLOWEST
        return spent > (FIRST if self._is_new and self.state == IDLE else DEADLINES[self.state])

    def _is_not_read(self, now: float) -> bool:
        """Whether there is some of an answer, none of which went out for long."""
        unread = 0 if self.transport is None else self.transport.get_write_buffer_size()
        if not unread or unread != self._unread:
            self._unread, self._unread_since = unread, now
        return now - self._unread_since > UNREAD

    # --- asyncio's and the parser's calls ----------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Corked(transport, self.loop)  # type: ignore[assignment]
        if self._is_given_up:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.drop(self)
        super().connection_lost(exc)
        self._tell_cycles()

    def _tell_cycles(self) -> None:
        """Tell all that is under way that the client is gone; uvicorn tells what was asked for last."""
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()  # what begins now may take longer than an idle connection is kept
        if self.state == WORK:
            self._keep_for_later(data)
            return
        if self.state == IDLE:
            self._enter(HEAD)
            self._head_bytes = 0
        self._head_bytes += len(data)
        self._raw_bytes += len(data)
        self._feed(data)

    def _keep_for_later(self, data: bytes) -> None:
        """What is sent before the last answer is read once that has been given."""
        self._ahead += data
        if len(self._ahead) > LARGEST_HEAD:
            self.refuse(431, TOO_LONG)

    def _feed(self, data: bytes) -> None:
        try:
            self._parse(data)
            if self.state == HEAD and self._head_bytes > LARGEST_HEAD:
                self.refuse(431, TOO_LONG)
            if self.state == BODY and self._raw_bytes > LARGEST_HEAD + AROUND_A_BYTE * self._body_bytes:
                self.refuse(431, "The chunk framing or the trailers of the body are too large.")
        except httptools.HttpParserCallbackError as error:
            reason = error.__context__ if isinstance(error.__context__, _Refused) else None
            self.refuse(*(reason.args if reason else (400, "The request cannot be read.")))
        except httptools.HttpParserError:
            self.refuse(400, "The request cannot be read.")

    def _parse(self, data: bytes) -> None:
        """Have the parser read data. It leaves what follows a wish for another protocol to that protocol:
        there is none to change to, so such a request is read again without its wish, and then the rest.
        CONNECT is none of those: it was read as it is."""
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = data[upgrade.args[0] :]
                data = rest if self._is_connect() else self._head_without_wish() + rest

    def _head_without_wish(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _wishes_for_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and not self._is_connect()

    def _is_connect(self) -> bool:
        return self.parser.get_method() == b"CONNECT"

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > LARGEST_HEAD:
            raise _Refused(414, "A path and its query can have at most 64 KB.")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:
            raise _Refused(431, f"A request can have at most {MOST_HEADERS} headers.")

    def on_headers_complete(self) -> None:
        if self._wishes_for_another_protocol():
            return
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise _Refused(400, "A request must have exactly one Host header.")
        if hosts and not HOST.fullmatch(hosts[0].strip()):
            raise _Refused(400, "The Host header must name a host.")
        # The parser takes the last coding alone for what a body is in, and refuses any that is not chunked.
        if any(coding != b"chunked" for coding in self._listed(b"transfer-encoding")[:-1]):
            raise _Refused(501, "The only transfer coding that is understood here is chunked.")
        if self._expects_more_than_is_known():
            raise _Refused(417, "The only expectation that can be met here is 100-continue.")
        if sum(len(name) + len(value) for name, value in self.headers) + len(self.url) > LARGEST_HEAD:
            raise _Refused(431, TOO_LONG)
        if len(self.pipeline) >= MOST_AHEAD:
            raise _Refused(429, f"At most {MOST_AHEAD} requests can be pipelined.")
        self._is_new = False
        self._enter(BODY)
        super().on_headers_complete()
        self._raw_bytes = 0
        self._cycles = [each for each in (*self._cycles, self.cycle) if not each.response_complete]

    def _listed(self, name: bytes) -> list[bytes]:
        """What the headers of a name list, in lower case and in order."""
        values = b",".join(value for each, value in self.headers if each == name)
        return [item for item in (one.strip().lower() for one in values.split(b",")) if item]

    def _expects_more_than_is_known(self) -> bool:
        is_old = self.parser.get_http_version() == "1.0"  # which knows of no expectations
        return not is_old and any(one != b"100-continue" for one in self._listed(b"expect"))

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._wishes_for_another_protocol():
            return
        if self.state == BODY:
            self._enter(WORK)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._enter(IDLE)
        super().on_response_complete()
        if not self.cycle.response_complete:
            self._enter(BODY if self.cycle.more_body else WORK)  # the next request was there already
        elif self._ahead and not self.transport.is_closing():
            ahead, self._ahead = self._ahead, b""
            self.data_received(ahead)

    def _enter(self, state: str) -> None:
        self._all.entered(self, state)

    def refuse(self, status: int, line: str) -> None:
        """Answer what cannot be a request, and hang up."""
        if self.transport is None or self.transport.is_closing():
            return
        if not any(each.response_started and not each.response_complete for each in self._cycles):
            self.transport.write(plain(status, line))
        self._tell_cycles()
        self.transport.close()


def plain(status: int, line: str) -> bytes:
    """A whole answer of one line, behind which the connection is closed."""
    phrase = http.client.responses[status]
    again = "Retry-After: 1\r\n" if status == 503 else ""
    return (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(line) + 1}\r\n{again}Connection: close\r\n\r\n{line}\n"
    ).encode()
