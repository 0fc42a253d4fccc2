"""A broker of Kafka on loopback that says what it is told to, and remembers what it was sent.

It reads requests by the protocol's own numbers, and record batches with the checksum that they carry, without
the library that wrote them.
"""

import contextlib
import io
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

PRODUCE, METADATA, API_VERSIONS = 0, 3, 18
CASTAGNOLI = 0x82F63B78


class Record(NamedTuple):
    topic: str
    partition: int
    value: bytes
    headers: dict[str, bytes]


class Broker(socketserver.ThreadingTCPServer):
    """``errors`` are the codes of the answers about the topic and about what was produced, one after the
    other; 0 when none is left. ``elsewhere`` is where it says that the leader is."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.tls = tls
        self.port: int = self.server_address[1]
        self.elsewhere: tuple[str, int] | None = None
        self.partitions = 3
        self.errors: dict[int, list[int]] = {METADATA: [], PRODUCE: []}
        self.spoken = {PRODUCE: (3, 9), METADATA: (0, 12), API_VERSIONS: (0, 3)}
        self.raw: bytes | None = None
        self.clients: list[str] = []
        self.records: list[Record] = []

    def error(self, about: int) -> int:
        return self.errors[about].pop(0) if self.errors[about] else 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Of one that went away, as some of the tests have it."""


class _Conversation(socketserver.BaseRequestHandler):
    server: Broker

    def handle(self) -> None:
        end = self.request
        if self.server.tls:
            with contextlib.suppress(OSError):
                end = self.server.tls.wrap_socket(end, server_side=True)
        with contextlib.suppress(OSError, struct.error), end:
            while True:
                (size,) = struct.unpack(">i", _exactly(end, 4))
                end.sendall(self._answer(io.BytesIO(_exactly(end, size))))

    def _answer(self, asked: io.BytesIO) -> bytes:
        key, version, number = struct.unpack(">hhi", asked.read(8))
        self.server.clients.append(_text(asked))
        if self.server.raw is not None:
            return self.server.raw
        body = {API_VERSIONS: self._versions, METADATA: self._metadata, PRODUCE: self._produced}[key]
        answer = struct.pack(">i", number) + body(asked, version)
        return struct.pack(">i", len(answer)) + answer

    def _versions(self, asked: io.BytesIO, version: int) -> bytes:
        assert (version, asked.read()) == (0, b"")
        spoken = [struct.pack(">hhh", key, *versions) for key, versions in self.server.spoken.items()]
        return struct.pack(">hi", 0, len(spoken)) + b"".join(spoken)

    def _metadata(self, asked: io.BytesIO, version: int) -> bytes:
        (count,) = struct.unpack(">i", asked.read(4))
        topic = _text(asked)
        assert (count, version, asked.read()) == (1, 7, b"\x01")  # it may be made
        host, port = self.server.elsewhere or ("127.0.0.1", self.server.port)
        brokers = struct.pack(">ii", 1, 5) + _short(host) + struct.pack(">ih", port, -1)
        cluster = _short("cluster") + struct.pack(">i", 5)
        partitions = b"".join(
            struct.pack(">hiii", 0, number, 5, 0) + struct.pack(">ii", 1, 5) * 2 + struct.pack(">i", 0)
            for number in range(self.server.partitions)
        )
        head = struct.pack(">ih", 1, self.server.error(METADATA)) + _short(topic) + b"\0"
        return (
            struct.pack(">i", 0)
            + brokers
            + cluster
            + head
            + struct.pack(">i", self.server.partitions)
            + partitions
        )

    def _produced(self, asked: io.BytesIO, version: int) -> bytes:
        transaction, acks, _, topics = struct.unpack(">hhii", asked.read(12))
        topic = _text(asked)
        partitions, partition, size = struct.unpack(">iii", asked.read(12))
        batch = asked.read(size)
        assert (version, transaction, acks, topics, partitions, asked.read()) == (7, -1, -1, 1, 1, b"")
        error = self.server.error(PRODUCE)
        if not error:
            self.server.records += [Record(topic, partition, *each) for each in _records(batch)]
        done = struct.pack(">ihqqq", partition, error, 41, -1, 0)
        return struct.pack(">i", 1) + _short(topic) + struct.pack(">i", 1) + done + struct.pack(">i", 0)


def _exactly(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = end.recv(count - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


def _short(text: str) -> bytes:
    return struct.pack(">h", len(text.encode())) + text.encode()


def _text(asked: io.BytesIO) -> str:
    (size,) = struct.unpack(">h", asked.read(2))
    return asked.read(size).decode()


def _records(batch: bytes) -> Iterator[tuple[bytes, dict[str, bytes]]]:
    """What a batch of today's format holds; its numbers have to agree."""
    offset, length, _, magic, checksum = struct.unpack(">qiibI", batch[:21])
    assert (offset, length, magic, checksum) == (0, len(batch) - 12, 2, crc32c(batch[21:]))
    _, last, first_time, last_time, producer, epoch, sequence, count = struct.unpack(
        ">hiqqqhii", batch[21:61]
    )
    assert (last, producer, epoch, sequence, first_time) == (count - 1, -1, -1, -1, last_time)
    rest = io.BytesIO(batch[61:])
    for number in range(count):
        end = _varint(rest) + rest.tell()
        attributes, _, delta = rest.read(1), _varint(rest), _varint(rest)
        assert (attributes, delta, _varint(rest)) == (b"\0", number, -1)  # -1: no key
        value = rest.read(_varint(rest))
        pairs = [(rest.read(_varint(rest)), rest.read(_varint(rest))) for _ in range(_varint(rest))]
        assert rest.tell() == end
        yield value, {name.decode(): held for name, held in pairs}
    assert rest.read() == b""


def _varint(stream: io.BytesIO) -> int:
    """A number in Protocol Buffers' zigzag form."""
    found = shift = 0
    while True:
        (byte,) = stream.read(1)
        found |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1)


def crc32c(content: bytes) -> int:
    """The checksum of RFC 3720, bit by bit."""
    found = 0xFFFFFFFF
    for byte in content:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (CASTAGNOLI if found & 1 else 0)
    return found ^ 0xFFFFFFFF


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Broker]:
    with Broker(tls) as broker:
        thread = threading.Thread(target=broker.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield broker
        finally:
            broker.shutdown()
            thread.join()
