"""stamp: performs latency by the Simple Two-way Active Measurement Protocol, RFC 8762.

An addition to pScheduler's own tools. It needs no program and no privileges, and at the other end any
STAMP session-reflector that works unauthenticated, at UDP port 862 or the spec's ``ctrl-port``; one is in
``local/stamp_reflector.py``. A packet goes there and back, and both ways are timed; reported is the way
from source to destination, or back with ``reverse``. Three things to know:

- One-way times are as good as the clocks of both ends agree.
- A stateless reflector does not tell on which way a packet was lost or overtaken: the counters are those
  of both ways together.
- It is offered after every other tool, so that it takes nothing from them; ``--protocol stamp`` asks for it.
"""

import contextlib
import datetime as dt
import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.tools.one_way import packet_records, packet_summary, stamp_packets, stamp_sockets
from plugins.tools.one_way.packet_records import Record, Stamp, Trip, elapsed, from_unix

COUNT = 100
INTERVAL = 0.1
TIMEOUT = 2
"""Seconds to wait for a packet where the spec does not say, or says 0."""
SHORTEST_INTERVAL = Decimal("0.001")
LARGEST_PADDING = 65507 - stamp_packets.SIZE
LOOK_EVERY = dt.timedelta(seconds=0.05)
"""Between looks at whether all packets are back."""
LINGER = dt.timedelta(seconds=0.2)
"""For duplicates of the last packets; what planning adds has room for it."""
REPLIES_KEPT = 10
"""For each packet sent: a reflector that floods us is not to fill our memory."""
PATIENCE = 0.1
"""Seconds after which the listener looks whether it is still wanted."""


def declines(test: str, spec: Spec) -> list[str]:
    protocol, padding = spec.get("protocol", "stamp"), spec.get("packet-padding", 0)
    rules = (
        (protocol != "stamp", f"Does not speak {protocol}, only stamp"),
        (0 < padding < 4, "Padding takes at least 4 bytes (RFC 8972)"),
        (padding > LARGEST_PADDING, f"No packet has room for more than {LARGEST_PADDING} bytes of padding"),
        (_interval(spec) < SHORTEST_INTERVAL, "Does not support packet intervals below 0.001 seconds"),
        (
            spec.get("packet-count", 0) > stamp_packets.HIGHEST_NUMBER,
            f"Does not send more than {stamp_packets.HIGHEST_NUMBER} packets",
        ),
    )
    return [reason for broken, reason in rules if broken]


def _interval(spec: Spec) -> Decimal:
    return packet_summary.setting(spec, "packet-interval", INTERVAL)


def _timeout(spec: Spec) -> Decimal:
    return Decimal(int(spec.get("packet-timeout", 0)) or TIMEOUT)


def duration(test: str, spec: Spec) -> dt.timedelta:
    """The packets, the wait for the last of them, 2 s to look up names, and a second more."""
    sending = _interval(spec) * int(spec.get("packet-count", COUNT))
    return packet_summary.planned(sending + _timeout(spec) + 2 + 1)


def run(job: Job) -> JSON:
    """Raises PluginFailed where no packet comes back and the network says why; silence is a measurement."""
    spec = job.spec
    near, far = packet_summary.ends(spec)
    port = int(spec.get("ctrl-port", stamp_packets.PORT))
    with _connected(spec, near, far, port) as end:
        session = Session(end, estimate_of(job.host.clock_state()), int(spec.get("packet-padding", 0)))
        job.wait_for_start()
        with session.listening():
            _send(job, session)
            _wait(job, session)
    trips = session.trips(_timeout(spec))
    if session.error is not None and not session.replies:
        raise PluginFailed(f"{far} port {port}: {session.error.strerror or session.error}")
    diags = f"{len(session.sent)} packets to {far} port {port}, {len(session.replies)} replies\n"
    return {**packet_records.one_way(trips, spec), "diags": diags}


def estimate_of(clock: Mapping[str, JSON]) -> int:
    """The error estimate of a clock, by what the node says of it."""
    return stamp_packets.encode_estimate(clock["synchronized"], clock.get("offset", 0.0))


@contextlib.contextmanager
def _connected(spec: Spec, near: str | None, far: str, port: int) -> Iterator[socket.socket]:
    """A socket from an address here, and one of the ports the spec has, to the reflector."""
    version = ipaddress.ip_address(far).version
    tos = int(spec["ip-tos"]) if "ip-tos" in spec else None
    try:
        end = stamp_sockets.open_socket(version, tos)
    except OSError as error:
        raise PluginFailed(f"No socket for IPv{version}: {error.strerror or error}") from error
    with end:
        try:
            _bind(end, near or "", spec.get("data-ports"))
            guarded_connections.connect(end, (far, port))
        except OSError as error:
            raise PluginFailed(f"{far} port {port}: {error.strerror or error}") from error
        yield end


def _bind(end: socket.socket, address: str, ports: Mapping[str, JSON] | None) -> None:
    candidates = range(int(ports["lower"]), int(ports["upper"]) + 1) if ports else [0]
    for port in candidates:
        try:
            end.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return
    raise OSError(errno.EADDRINUSE, "None of the data-ports is free")


def _send(job: Job, session: "Session") -> None:
    begun = job.host.now()
    interval = dt.timedelta(seconds=float(_interval(job.spec)))
    for number in range(int(job.spec.get("packet-count", COUNT))):
        job.host.sleep_until(begun + number * interval)
        session.send(number)


def _wait(job: Job, session: "Session") -> None:
    """Until every packet is back, or the time for the last has passed; then a moment for duplicates."""
    latest = job.host.now() + dt.timedelta(seconds=float(_timeout(job.spec)))
    while not session.is_complete and job.host.now() < latest:
        job.host.sleep_until(min(latest, job.host.now() + LOOK_EVERY))
    job.sleep(LINGER)


class Session:
    """Packets to a reflector, and what comes back while somebody listens.

    ``trouble`` is the last that the network said of a packet, such as that nobody listens at its port.
    """

    def __init__(self, end: socket.socket, estimate: int, padding: int):
        end.settimeout(PATIENCE)
        self._end, self._estimate, self._padding = end, estimate, padding
        self._over = threading.Event()
        self.sent: dict[int, int] = {}
        self.replies: list[Trip] = []
        self._answered: set[int] = set()
        self.error: OSError | None = None

    @property
    def is_complete(self) -> bool:
        return len(self._answered) == len(self.sent)

    def send(self, number: int) -> None:
        """Send a packet; one that cannot be sent is lost."""
        for _ in range(2):  # the first attempt may end in what is said of an earlier packet
            self.sent[number] = from_unix(time.time_ns())
            packet = stamp_packets.request(number, self.sent[number], self._estimate, self._padding)
            try:
                self._end.send(packet)
            except OSError as error:
                self.error = error
            else:
                return

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        listener = threading.Thread(target=self._listen, name="STAMP replies", daemon=True)
        listener.start()
        try:
            yield
        finally:
            self._over.set()
            listener.join()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                datagram = stamp_sockets.receive(self._end)
            except TimeoutError:
                continue
            except OSError as error:
                self.error = error
                self._over.wait(PATIENCE / 100)  # never round and round on a socket that is broken
            else:
                self._take(datagram)

    def _take(self, datagram: stamp_sockets.Datagram) -> None:
        """Keep what answers a packet of ours, by its number and its time."""
        reply = stamp_packets.read_reply(datagram.payload)
        if reply is None or self.sent.get(reply.there.seq) != reply.there.sent.time:
            return
        if reply.in_ptp_time:
            self.error = OSError(errno.EPROTO, "The reflector's times are not those of NTP")
            return
        if len(self.replies) >= REPLIES_KEPT * len(self.sent):
            return
        received = Stamp(datagram.received, *stamp_packets.decode_estimate(self._estimate))
        self.replies.append((reply.there, reply.back(received, datagram.ttl)))
        self._answered.add(reply.there.seq)

    def trips(self, timeout: Decimal) -> list[Trip]:
        """The packets that came back in time, in their order, then those that did not."""
        back = [trip for trip in self.replies if elapsed(trip[0].sent.time, trip[1].received.time) <= timeout]
        answered = {there.seq for there, _ in back}
        return [*back, *(self._lost(number) for number in self.sent if number not in answered)]

    def _lost(self, number: int) -> Trip:
        sent = Stamp(self.sent[number], *stamp_packets.decode_estimate(self._estimate))
        never = Stamp(0, False)
        return (
            Record(number, sent, never, stamp_sockets.UNKNOWN_TTL),
            Record(number, never, never, stamp_sockets.UNKNOWN_TTL),
        )


TOOL = Tool(
    name="stamp",
    label="STAMP",
    description="Measure one-way latency with STAMP (RFC 8762), without a program",
    tests=("latency",),
    preference=-200,
    max_schema=4,
    declines=declines,
    duration=duration,
    run=run,
    merge=packet_summary.merge,
)
