"""A server that hangs up before the handshake leaves no socket behind here."""

import contextlib
import gc
import os
import pathlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from chalicelib.infrastructure import tls_sockets, web
from plugins.support import deadline, guarded_connections

RESET = struct.pack("ii", 1, 0)


@pytest.fixture
def rude(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server that resets each connection just when TLS is to begin on it."""
    wrap = ssl.SSLContext.wrap_socket
    with socket.create_server(("127.0.0.1", 0)) as server:

        def late(self: ssl.SSLContext, sock: socket.socket, *given: Any, **named: Any) -> ssl.SSLSocket:
            with contextlib.closing(server.accept()[0]) as end:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return wrap(self, sock, *given, **named)

        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
        yield int(server.getsockname()[1])


def sockets() -> set[str]:
    """Those that are open, by names that no two ever have."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # what listed them is closed again
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {each for each in found if each.startswith("socket:")}


def by_a_plugin(port: int) -> None:
    pool = guarded_connections.guarded_pool(urllib3.HTTPSConnectionPool)("127.0.0.1", port)
    with contextlib.closing(pool), pytest.raises(urllib3.exceptions.HTTPError):
        pool.urlopen("GET", "/", retries=False)


def by_a_plugin_that_is_cut(port: int) -> None:
    with pytest.raises(TimeoutError):
        _cut(port)


def _cut(port: int) -> None:
    with deadline.ending(30):
        deadline._current.end.is_over = True  # what is connected from now on is cut at once
        by_a_plugin(port)


def by_the_node(port: int) -> None:
    with pytest.raises(Exception, match="cannot be read"):
        web.get(web.Want(f"https://127.0.0.1:{port}/", 10, 1000))


def by_a_library(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as bare, pytest.raises(ConnectionResetError):
        ssl.create_default_context().wrap_socket(bare, server_hostname="a.example")


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").exists(), reason="there is no /proc")
@pytest.mark.parametrize("ask", [by_a_plugin, by_a_plugin_that_is_cut, by_the_node, by_a_library])
def test_a_reset_before_the_handshake_leaves_no_socket_open(
    rude: int, monkeypatch: pytest.MonkeyPatch, ask: Callable[[int], None]
) -> None:
    monkeypatch.setattr(ssl.SSLContext, "sslsocket_class", ssl.SSLSocket)
    tls_sockets.use()
    gc.collect()
    gc.disable()  # which would close what was forgotten
    try:
        before = sockets()
        ask(rude)
        left = sockets() - before  # what tests before this one leave behind may be closed meanwhile
    finally:
        gc.enable()

    assert left == set()
