"""STAMP's packets, octet by octet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.tools.one_way import stamp_packets, stamp_sockets
from plugins.tools.one_way.packet_records import Record, Stamp

NUMBERS, TIMES, ESTIMATES = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1)

REQUEST = bytes.fromhex(
    "00000007"  # number
    "eeaf0dc080000000"  # time: half a second past
    "8102"  # synchronized, scale 1, multiplier 2
) + bytes(30)

REPLY = bytes.fromhex(
    "00000007"  # number, the same
    "eeaf0dc0c0000000"  # time it was sent back
    "0a01"  # not synchronized
    "0000"
    "eeaf0dc0a0000000"  # time it was received
    "00000007eeaf0dc0800000008102"  # of the sender's packet
    "0000"
    "fd"  # the TTL it came with
    "000000"
)


def test_a_request_is_as_the_rfc_draws_it() -> None:
    assert stamp_packets.request(7, 0xEEAF0DC080000000, 0x8102) == REQUEST


def test_an_answer_is_as_the_rfc_draws_it() -> None:
    answer = stamp_packets.reflect(
        REQUEST, received=0xEEAF0DC0A0000000, sent=0xEEAF0DC0C0000000, estimate=0x0A01, ttl=253
    )

    assert answer == REPLY


def test_an_answer_is_read() -> None:
    reply = stamp_packets.read_reply(REPLY)

    assert reply is not None
    assert reply.there == Record(
        7,
        sent=Stamp(0xEEAF0DC080000000, True, 2 * 2.0**-31),
        received=Stamp(0xEEAF0DC0A0000000, False),
        ttl=253,
    )
    assert reply.back(Stamp(5, True), ttl=60) == Record(
        7, Stamp(0xEEAF0DC0C0000000, False), Stamp(5, True), 60
    )
    assert not reply.in_ptp_time


def test_an_answer_in_ptp_time_is_known_as_one() -> None:
    reply = stamp_packets.read_reply(REPLY[:12] + b"\xc1" + REPLY[13:])

    assert reply is not None
    assert reply.in_ptp_time


@pytest.mark.parametrize(
    ("octets", "wanted"),
    [(0, ""), (4, "80010000"), (5, "8001000100"), (12, "80010008" + "00" * 8)],
)
def test_padding_is_a_field(octets: int, wanted: str) -> None:
    packet = stamp_packets.request(1, 2, 3, octets)

    assert packet[44:] == bytes.fromhex(wanted)


@pytest.mark.parametrize("extra", [b"", bytes(4), b"\x80\x01\x00\x04abcd", b"\x80\xff\x00\x02hi"])
def test_what_goes_on_after_a_request_comes_back_as_it_is(extra: bytes) -> None:
    answer = stamp_packets.reflect(REQUEST + extra, 1, 2, 3, 4)

    assert answer is not None
    assert answer[44:] == extra


@pytest.mark.parametrize("packet", [b"", REQUEST[:14], REQUEST[:43]])
def test_what_is_too_short_is_neither_request_nor_answer(packet: bytes) -> None:
    assert stamp_packets.reflect(packet, 1, 2, 3, 4) is None
    assert stamp_packets.read_reply(packet) is None


@given(st.binary(max_size=200), TIMES, TIMES, ESTIMATES, st.integers(0, 255))
def test_an_answer_is_never_longer_than_what_it_answers(
    packet: bytes, received: int, sent: int, estimate: int, ttl: int
) -> None:
    answer = stamp_packets.reflect(packet, received, sent, estimate, ttl)

    assert len(answer or packet) == len(packet)
    stamp_packets.read_reply(packet)  # whatever it is


@given(NUMBERS, st.tuples(TIMES, TIMES, TIMES), ESTIMATES, st.integers(0, 255))
def test_everything_comes_back(number: int, times: tuple[int, int, int], estimate: int, ttl: int) -> None:
    t1, t2, t3 = times
    answer = stamp_packets.reflect(stamp_packets.request(number, t1, estimate), t2, t3, 0x8001, ttl)

    reply = stamp_packets.read_reply(answer or b"")
    assert reply is not None
    assert (reply.there.seq, reply.number) == (number, number)
    assert (reply.there.sent.time, reply.there.received.time, reply.sent.time) == (t1, t2, t3)
    assert reply.there.ttl == ttl


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (0, 0x8001),  # there is no multiplier of 0
        (2.0**-32, 0x8001),
        (255 * 2.0**-32, 0x80FF),
        (256 * 2.0**-32, 0x8180),
        (511 * 2.0**-32, 0x8280),  # 510 would be less than it is
        (1.0, 0x9980),  # 128 * 2 ** (25 - 32)
        (-1.0, 0x9980),
        (1e300, 0xBFFF),
    ],
)
def test_an_estimate_has_a_scale_and_a_multiplier(error: float, wanted: int) -> None:
    assert stamp_packets.encode_estimate(True, error) == wanted


@given(st.floats(0, 1e9))
def test_an_estimate_is_never_too_small_and_hardly_too_large(error: float) -> None:
    synchronized, read = stamp_packets.decode_estimate(stamp_packets.encode_estimate(True, error))

    assert synchronized
    assert read is not None
    assert error <= read <= error * (1 + 1 / 128) + 2.0**-32  # a tick, and the last bit of the multiplier


def test_a_clock_that_is_not_synchronized_has_no_error() -> None:
    estimate = stamp_packets.encode_estimate(False, 0.1)

    assert estimate & 0xFF  # the multiplier must not be zero, all the same
    assert stamp_packets.decode_estimate(estimate) == (False, None)


@pytest.mark.parametrize("told", [[], [(1, 35, b"short")], [(99, 99, bytes(16))]])
def test_what_the_kernel_does_not_tell_is_not_known(told: list[tuple[int, int, bytes]]) -> None:
    assert stamp_sockets._arrival(told) is None
    assert stamp_sockets._ttl(told) == 255
