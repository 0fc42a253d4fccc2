"""The stamp tool, against reflectors on loopback."""

import contextlib
import datetime as dt
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.domain.errors import Cancelled, Invalid
from chalicelib.infrastructure.machine import Machine
from local.stamp_reflector import Reflector
from plugins.sdk.jobs import PluginFailed
from plugins.tests.latency import TEST
from plugins.tools.one_way import stamp, stamp_packets
from plugins.tools.one_way.packet_records import elapsed
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

TIMES = struct.Struct(">IQH2xQ")  # of an answer: number, sent, estimate, received


def measure(port: int, machine: Machine | None = None, **spec: Any) -> dict[str, Any]:
    """Ten packets, a hundred a second, and more time for the last of them than it takes."""
    host = machine or Machine()
    defaults = {"dest": "127.0.0.1", "packet-count": 10, "packet-interval": 0.01, "packet-timeout": 20}
    whole = {"schema": 4, "ctrl-port": port, "output-raw": True, **defaults, **spec}
    assert TEST.problem(whole) is None
    local = stamp.run(job(stamp.TOOL, whole, host, start=host.now()))
    merged = stamp.TOOL.merge(whole, [local])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


@pytest.fixture
def reflector() -> Iterator[Reflector]:
    with Reflector(port=0) as running:
        yield running


@contextlib.contextmanager
def answering(answers: Callable[[int, bytes], list[bytes]]) -> Iterator[int]:
    """The port of a reflector that answers its packets, the first being 0, with any number of others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 64)
        over = threading.Event()

        def serve() -> None:
            for number in range(1000):
                packet, sender = end.recvfrom(65535)
                if over.is_set():
                    return
                for answer in answers(number, packet):
                    end.sendto(answer, sender)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        try:
            yield end.getsockname()[1]
        finally:
            over.set()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", end.getsockname())
            server.join()


def reflected(packet: bytes, received: int = 0, sent: int = 0, estimate: int = 0x8001) -> bytes:
    """The answer that has its times so many seconds, in NTP's fractions, after the sender's."""
    (begun,) = struct.unpack_from(">4xQ", packet)
    answer = stamp_packets.reflect(packet, begun + received, begun + sent, estimate, ttl=99)
    assert answer is not None
    return answer


def test_measures_to_a_reflector(reflector: Reflector) -> None:
    result = measure(reflector.port)

    counted = ("sent", "received", "lost", "duplicated", "reordered")
    assert [result[f"packets-{kind}"] for kind in counted] == [10, 10, 0, 0, 0]
    assert sum(result["histogram-latency"].values()) == 10
    assert result["histogram-ttl"] == {"255": 10}
    assert [packet["seq-num"] for packet in result["raw-packets"]] == list(range(10))
    delays = [elapsed(packet["src-ts"], packet["dst-ts"]) for packet in result["raw-packets"]]
    assert all(0 <= delay < 1 for delay in delays)  # one clock, so no way can seem to take less than none


def test_measures_over_ipv6() -> None:
    try:
        reflector = Reflector("::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with reflector:
        result = measure(reflector.port, dest="::1", source="::1", **{"ip-version": 6, "ip-tos": 184})

    assert result["packets-received"] == 10
    assert result["histogram-ttl"] == {"255": 10}


def test_takes_all_options(reflector: Reflector) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        ports = {"lower": port, "upper": port + 20}  # the first is not free
        more = {"data-ports": ports, "packet-padding": 1000, "ip-tos": 184, "traverse-nat": True}

        result = measure(reflector.port, source="127.0.0.1", protocol="stamp", **more)

    assert result["packets-received"] == 10


@pytest.mark.parametrize(
    ("members", "latency", "ttl"),
    [
        ({}, "500.00", "99"),
        ({"flip": True, "reverse": True}, "500.00", "99"),
        ({"reverse": True}, None, "64"),
        ({"flip": True}, None, "64"),
    ],
)
def test_reports_the_way_asked_for(members: dict[str, Any], latency: str | None, ttl: str) -> None:
    # To this reflector it takes half a second by the clocks, and so minus half a second back.
    with answering(lambda number, packet: [reflected(packet, 2**31, 2**31)]) as port:
        result = measure(port, source="127.0.0.1", **members)

    found = {float(delay) for delay in result["histogram-latency"]}
    assert found == {500.0} if latency else all(-500.0 <= delay < 500.0 for delay in found)
    assert result["histogram-ttl"] == {ttl: 10}


def test_packets_are_lost_duplicated_and_reordered() -> None:
    kept: list[bytes] = []

    def answers(number: int, packet: bytes) -> list[bytes]:
        answer = reflected(packet)
        if number == 3:
            return []
        if number == 5:
            kept.append(answer)
            return []
        return {6: [answer, *kept], 8: [answer, answer, answer]}.get(number, [answer])

    with answering(answers) as port:
        result = measure(port, **{"packet-timeout": 2})

    kinds = ("sent", "received", "lost", "duplicated", "reordered")
    assert [result[f"packets-{kind}"] for kind in kinds] == [10, 9, 1, 2, 1]
    assert [packet["seq-num"] for packet in result["raw-packets"]] == [0, 1, 2, 4, 6, 5, 7, 8, 8, 8, 9, 3]
    assert result["raw-packets"][-1]["dst-ts"] == 0


def test_a_flood_of_answers_is_not_kept() -> None:
    with answering(lambda number, packet: [reflected(packet)] * 500) as port:
        result = measure(port, **{"packet-count": 2})

    assert result["packets-received"] + result["packets-duplicated"] <= 2 * stamp.REPLIES_KEPT


def test_what_is_no_answer_to_a_packet_of_its_own_is_not_taken() -> None:
    def answers(number: int, packet: bytes) -> list[bytes]:
        right = bytearray(reflected(packet))
        late, strange = bytearray(right), bytearray(right)
        late[28 + 7] ^= 1  # the sender's time is another
        strange[24] = 0x77  # a number never sent
        return [b"", b"short", bytes(late), bytes(strange), bytes(44)]

    with answering(answers) as port:
        result = measure(port, **{"packet-timeout": 1})

    assert (result["packets-sent"], result["packets-received"], result["packets-lost"]) == (10, 0, 10)


def test_silence_is_a_measurement() -> None:
    with answering(lambda number, packet: []) as port:
        result = measure(port, **{"packet-count": 3, "packet-timeout": 1})

    assert (result["packets-sent"], result["packets-lost"]) == (3, 3)
    assert (result["histogram-latency"], result["histogram-ttl"]) == ({}, {})
    assert [packet["dst-ts"] for packet in result["raw-packets"]] == [0, 0, 0]


def test_a_packet_back_after_its_time_is_lost() -> None:
    with socket.socket() as end:
        session = stamp.Session(end, stamp_packets.encode_estimate(True, 0.001), padding=0)
    session.sent = {0: 1 << 32, 1: 1 << 32}
    for number, back in ((0, 3 << 32), (1, (3 << 32) + 1)):
        reply = stamp_packets.read_reply(
            stamp_packets.reflect(stamp_packets.request(number, 1 << 32, 0x8001), 2, 3, 0x8001, 64) or b""
        )
        assert reply is not None
        there, received = reply.there, stamp.Stamp(back, True)
        session.replies.append((there, reply.back(received, 64)))

    trips = session.trips(timeout=Decimal(2))

    assert [(there.seq, there.is_lost, back.is_lost) for there, back in trips] == [
        (0, False, False),  # exactly in time
        (1, True, True),
    ]


def test_the_error_is_that_of_both_clocks() -> None:
    # Both the reflector's and, where this machine's clock is kept, our own.
    with answering(lambda number, packet: [reflected(packet, estimate=0x9980)]) as port:
        result = measure(port)

    ours = Machine().clock_state()
    if ours["synchronized"]:
        assert result["max-clock-error"] >= 1000
    else:
        assert "max-clock-error" not in result
        assert all(packet["src-clock-sync"] is False for packet in result["raw-packets"])
    assert {packet["dst-clock-err"] for packet in result["raw-packets"]} == {1.0}


def test_times_that_are_not_those_of_ntp_are_a_failure() -> None:
    with (
        answering(lambda number, packet: [reflected(packet, estimate=0xC001)]) as port,
        pytest.raises(PluginFailed, match="not those of NTP"),
    ):
        measure(port, **{"packet-timeout": 1})


def test_a_port_nobody_listens_at_is_a_failure() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]

    with pytest.raises(PluginFailed, match=f"127.0.0.1 port {port}: Connection refused"):
        measure(port, **{"packet-timeout": 1})


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"ctrl-port": 0}, "port 0"),
        ({"source": "192.0.2.77"}, "Cannot assign requested address"),
        ({"source": "::1"}, "same version"),
        ({"dest": "nowhere.invalid"}, "not found"),
        ({"data-ports": {"lower": 9, "upper": 8}}, "None of the data-ports is free"),
    ],
)
def test_what_cannot_be_sent_is_a_failure(members: dict[str, Any], error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        measure(**{"port": 9, "packet-timeout": 1, **members})  # type: ignore[arg-type]


def test_a_cancelled_run_stops() -> None:
    machine = Machine()

    def answers(number: int, packet: bytes) -> list[bytes]:
        machine.cancel()
        return []

    with answering(answers) as port, pytest.raises(Cancelled):
        measure(port, machine, **{"packet-count": 1000, "packet-interval": 10})

    assert not [thread for thread in threading.enumerate() if thread.name == "STAMP replies"]


def test_waits_for_the_start_and_sends_at_its_intervals(reflector: Reflector) -> None:
    host = FakeHost()
    spec = {"dest": "127.0.0.1", "ctrl-port": reflector.port, "packet-count": 3, "packet-interval": 5}

    stamp.run(job(stamp.TOOL, spec, host))

    assert host.slept_until[:4] == [at(2), at(2), at(7), at(12)]
    assert at(12) < host.now() <= at(14) + stamp.LINGER  # two seconds for the last


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 15),  # 10 s of packets, 2 s for the last, 3 s besides
        ({"packet-count": 600, "packet-interval": 0.01, "packet-timeout": 5}, 14),
        ({"packet-timeout": 0}, 15),
    ],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: float) -> None:
    assert stamp.duration("latency", spec) == seconds(planned)


def test_refuses_to_plan_for_ever() -> None:
    with pytest.raises(Invalid, match="century"):
        stamp.duration("latency", {"packet-interval": 1e300})


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"schema": 4, "protocol": "twamp"}, "twamp"),
        ({"packet-padding": 3}, "at least 4 bytes"),
        ({"packet-padding": 65464}, "65463 bytes"),
        ({"packet-interval": 0.0009}, "0.001"),
        ({"packet-count": 2**32}, "more than 4294967295 packets"),
        ({"schema": 5}, "newer"),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    (found,) = stamp.TOOL.reasons_against("latency", {"dest": "a", **spec})

    assert reason in found


@pytest.mark.parametrize("example", TEST.examples, ids=lambda spec: f"schema {spec['schema']}")
def test_takes_every_member(example: dict[str, Any]) -> None:
    spec = {**example, "protocol": "stamp", "schema": 4}

    assert stamp.TOOL.reasons_against("latency", spec) == []


def test_comes_after_the_tools_that_were_there_before() -> None:
    from plugins import registry

    assert [tool.name for tool in registry.tools_for("latency")] == ["owping", "twping", "halfping", "stamp"]


def test_an_estimate_is_what_the_node_says_of_its_clock() -> None:
    kept = {"time": dt.datetime.now().isoformat(), "synchronized": True, "offset": -0.001}

    assert stamp_packets.decode_estimate(stamp.estimate_of(kept))[1] == pytest.approx(0.001, rel=0.01)
    assert stamp_packets.decode_estimate(stamp.estimate_of({**kept, "synchronized": False})) == (False, None)
