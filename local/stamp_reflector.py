"""A session-reflector of STAMP (RFC 8762), for the tool stamp of other nodes to measure to.

    .local/venv/bin/python -m local.stamp_reflector --address 192.0.2.1 --port 862

It is stateless and unauthenticated: what it is sent it sends back, of the same length, with its own times
in it (section 4.3). Ports below 1024, and so STAMP's own, need privileges; the spec's ``ctrl-port`` names
another. On a machine with several addresses, give the one that others measure to: an answer from another
is not taken.
"""

import argparse
import contextlib
import ipaddress
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from chalicelib.infrastructure.machine import Machine
from local import node_options
from plugins.tools.one_way import stamp_packets, stamp_sockets
from plugins.tools.one_way.packet_records import from_unix
from plugins.tools.one_way.stamp import estimate_of

PATIENCE = 0.2
"""Seconds after which it looks whether it is to stop."""


class Reflector:
    """Reflects at an address and port from its making on; as a context, in a thread of its own.

    Port 0 is any that is free; ``port`` is which. Raises OSError where it cannot listen.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = stamp_packets.PORT):
        self._stop = threading.Event()
        self._machine = Machine()
        self._end = stamp_sockets.open_socket(ipaddress.ip_address(address).version)
        try:
            self._end.bind((address, port))
        except (OSError, OverflowError):  # the latter: there is no such port
            self._end.close()
            raise
        self._end.settimeout(PATIENCE)
        self._thread = threading.Thread(target=self.serve, name="STAMP reflector", daemon=True)
        self.port: int = self._end.getsockname()[1]

    def serve(self) -> None:
        """Answer until told to stop. What cannot be answered is not: measuring that is the sender's part."""
        while not self._stop.is_set():
            with contextlib.suppress(OSError):  # TimeoutError among them
                self._answer(stamp_sockets.receive(self._end))

    def _answer(self, datagram: stamp_sockets.Datagram) -> None:
        estimate = estimate_of(self._machine.clock_state())
        now = from_unix(time.time_ns())
        reply = stamp_packets.reflect(datagram.payload, datagram.received, now, estimate, datagram.ttl)
        if reply is not None:
            self._end.sendto(reply, datagram.sender)

    def __enter__(self) -> "Reflector":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._end.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="stamp_reflector", description="Reflect STAMP packets (RFC 8762)")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument(
        "--port",
        type=node_options.integer,
        default=stamp_packets.PORT,
        help="UDP port (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        reflector = Reflector(options.address, options.port)
    except (OSError, OverflowError, ValueError) as error:
        print(f"Cannot listen at {options.address} port {options.port}: {error}", file=sys.stderr)
        return 1
    print(f"Reflecting STAMP packets at {options.address} port {reflector.port} - Ctrl-C stops", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has what it starts with & ignore the first
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        reflector.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
