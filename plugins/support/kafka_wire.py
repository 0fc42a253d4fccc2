"""What sending one message to Kafka takes of its protocol, over connections of the guard's.

The library kafka-python writes and reads what is said. Its own connections would go wherever brokers say that
others are; here each of those is looked at first, and all ends in time.
"""

import contextlib
import dataclasses
import logging
import socket
import time
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.schemas import JSON
from plugins.support import guarded_connections

if TYPE_CHECKING:
    import ssl

PORT = 9092
LARGEST_ANSWER = 1_000_000
"""Bytes; what a broker says of one topic is far below."""
ALL_REPLICAS = -1
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
"""Seconds before it is tried again what a broker says is about to work."""
HEADER = "delivery"
"""The header of a message that is the same at each attempt, so that who reads it can tell."""

_SPEECHLESS = logging.getLogger("kafka")
_SPEECHLESS.setLevel(logging.CRITICAL + 1)  # what there is to say is raised


class Refusal(Exception):
    """A broker's no, in its own name for it; ``passes`` when it may be another answer soon."""

    def __init__(self, said: str, passes: bool = False):
        super().__init__(said)
        self.passes = passes


@dataclasses.dataclass(frozen=True)
class Access:
    """How a cluster is spoken to: as whom, encrypted or not, and for how many seconds in all."""

    client: str
    tls: "ssl.SSLContext | None"
    seconds: float
    retries: int


@dataclasses.dataclass(frozen=True)
class Message:
    """What is sent to a topic; ``delivery`` names it to whom has it already."""

    topic: str
    content: bytes
    delivery: str


class Line:
    """A connection to one broker, which has said what it speaks. Raises OSError, Refusal or ValueError."""

    def __init__(self, end: socket.socket, client: str):
        from kafka.protocol.api_versions import ApiVersionsRequest
        from kafka.protocol.parser import KafkaProtocol

        self._end = end
        self._protocol: Any = KafkaProtocol(client_id=client, max_frame_size=LARGEST_ANSWER)
        found = self.ask(ApiVersionsRequest[0]())
        _require(found.error_code)
        self._spoken = {key: (low, high) for key, low, high in found.api_versions}

    def ask(self, request: JSON) -> Any:
        """The answer to a request."""
        from kafka.errors import KafkaError

        self._protocol.send_request(request)
        self._end.sendall(self._protocol.send_bytes())
        while True:
            heard = self._end.recv(65536)
            if not heard:
                raise ConnectionResetError(0, "the broker hung up")
            try:
                answers = self._protocol.receive_bytes(heard)
            except KafkaError as error:
                raise ValueError("the broker's response is not one of Kafka's") from error
            if answers:
                return answers[0][1]

    def version(self, requests: Sequence[JSON], least: int, most: int) -> int:
        """The newest version of a request that both sides speak. Raises Refusal where there is none."""
        low, high = self._spoken.get(requests[0].API_KEY, (0, -1))
        found: int = min(high, most)
        if found < max(low, least):
            raise Refusal(f"the broker speaks other versions of the protocol: {low} to {high}, not {least}")
        return found


@contextlib.contextmanager
def _line(host: str, port: int, access: Access) -> Iterator[Line]:
    with contextlib.ExitStack() as held:
        end: socket.socket = held.enter_context(
            guarded_connections.create_connection(host, port, access.seconds)
        )
        if access.tls:
            end = held.enter_context(access.tls.wrap_socket(end, server_hostname=host))
        yield Line(end, access.client)


def send(host: str, port: int, message: Message, access: Access) -> None:
    """Have all replicas of one partition take a message; which one goes by the delivery.

    Raises Refusal for what the cluster refuses, ValueError for answers that are none, OSError and the guard's
    errors.
    """
    until = time.monotonic() + access.seconds
    with guarded_connections.ending(access.seconds):
        for attempt in range(access.retries + 1):
            try:
                _sent(host, port, message, access)
                return
            except Refusal as refusal:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
                if not refusal.passes or attempt == access.retries or time.monotonic() + wait > until:
                    raise
                time.sleep(wait)


def _sent(host: str, port: int, message: Message, access: Access) -> None:
    with _line(host, port, access) as first:
        partition, leader = _place(first, message)
        if leader == (host, port):
            _produce(first, partition, message, access)
            return
    with _line(*leader, access) as line:
        _produce(line, partition, message, access)


def _place(line: Line, message: Message) -> tuple[int, tuple[str, int]]:
    """The partition that a message goes to, and where its leader is."""
    from kafka.protocol.metadata import MetadataRequest

    version = line.version(MetadataRequest, least=1, most=7)
    may_be_made = (True,) if version >= 4 else ()  # before, a broker decides alone
    found = line.ask(MetadataRequest[version]([message.topic], *may_be_made))
    brokers = {each[0]: (each[1], each[2]) for each in found.brokers}
    topics = [each for each in found.topics if each[1] == message.topic]
    if len(topics) != 1:
        raise ValueError("the broker's response does not mention the topic")
    _require(topics[0][0])
    partitions = sorted(topics[0][-1], key=lambda each: each[1])
    if not partitions:
        raise Refusal("the topic has no partitions", passes=True)
    error, partition, leader = partitions[zlib.crc32(message.delivery.encode()) % len(partitions)][:3]
    _require(error)
    if leader not in brokers or not 0 < brokers[leader][1] < 65536:
        raise Refusal(f"partition {partition} has no leader", passes=True)
    return partition, brokers[leader]


def _produce(line: Line, partition: int, message: Message, access: Access) -> None:
    from kafka.protocol.produce import ProduceRequest

    version = line.version(ProduceRequest, least=3, most=7)  # 3: the first with the records of today
    topics = [(message.topic, [(partition, _records(message))])]
    answer = line.ask(ProduceRequest[version](None, ALL_REPLICAS, int(access.seconds * 1000), topics))
    ((_, ((_, error, *_),)),) = answer.topics
    _require(error)


def _records(message: Message) -> bytes:
    from kafka.record.default_records import DefaultRecordBatchBuilder

    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=len(message.content) + 1024,
    )
    headers = [(HEADER, message.delivery.encode())] if message.delivery else []
    builder.append(0, int(time.time() * 1000), None, message.content, headers)
    return bytes(builder.build())


def _require(code: int) -> None:
    """Raise Refusal for an error of the protocol, by its number."""
    from kafka.errors import for_code

    if code:
        kind = for_code(code)
        said = str(getattr(kind, "message", "") or f"error {code}")
        raise Refusal(f"the broker answered {said}", passes=bool(kind.retriable))
