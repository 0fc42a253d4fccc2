"""Records of packets as the OWAMP family notes them, and what its programs print."""

import datetime as dt
import pathlib
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plugins.sdk.jobs import PluginFailed
from plugins.tests.latency import TEST
from plugins.tools.one_way import owamp_output, packet_records
from plugins.tools.one_way.packet_records import Record, Stamp
from tests.builders import NOON

SAMPLES = pathlib.Path(__file__).with_name("owamp")
OWPING, TWPING = (SAMPLES.joinpath(name).read_text() for name in ("owping.out", "twping.out"))
AT_NOON = 17198870119317504000  # 3,892,795,200 seconds after 1900, shifted by 32 bits

LINE = "7 17198870119317504000 1 1.5e-05 17198870119322786810 0 0.007 253"


def record(
    seq: int = 0, sent: int = AT_NOON, received: int = AT_NOON + 2**32, **more: float | None
) -> Record:
    ends = [
        Stamp(time, True, error) for time, error in ((sent, more.get("near")), (received, more.get("far")))
    ]
    return Record(seq, *ends, ttl=255)


@pytest.mark.parametrize(
    ("nanoseconds", "wanted"),
    [
        (0, 2208988800 << 32),
        (int(NOON.timestamp()) * 10**9, AT_NOON),
        (int(NOON.timestamp()) * 10**9 + 500_000_000, AT_NOON + 2**31),
        (int(dt.datetime(2036, 2, 7, 6, 28, 16, tzinfo=dt.timezone.utc).timestamp()) * 10**9, 0),  # a new era
    ],
)
def test_time_stamps_count_from_1900(nanoseconds: int, wanted: int) -> None:
    assert packet_records.from_unix(nanoseconds) == wanted


@pytest.mark.parametrize(
    ("begin", "end", "wanted"),
    [
        (AT_NOON, AT_NOON + 2**32, "1"),
        (AT_NOON, AT_NOON + 1, "2.328306436538696289062500000E-10"),  # nothing is lost on the way
        (AT_NOON + 2**31, AT_NOON, "-0.5"),
        (2**64 - 2**32, 2**32, "2"),  # across the end of the era
    ],
)
def test_time_passes_from_stamp_to_stamp(begin: int, end: int, wanted: str) -> None:
    assert packet_records.elapsed(begin, end) == Decimal(wanted)


@given(st.integers(0, 2**64 - 1), st.integers(-(10**9), 10**9))
def test_elapsed_time_is_what_was_added(begin: int, nanoseconds: int) -> None:
    end = (begin + nanoseconds * 2**32 // 10**9) % 2**64

    assert abs(packet_records.elapsed(begin, end) - Decimal(nanoseconds) / 10**9) <= Decimal(2) ** -32


def test_both_clocks_make_the_error() -> None:
    assert record(near=0.25, far=0.5).packet().clock_error == 0.75
    assert record(near=0.25).packet().clock_error is None


def test_a_lost_packet_has_no_delay() -> None:
    lost = record(received=0, near=0.25, far=0.5).packet()

    assert (lost.delay, lost.ttl, lost.clock_error) == (None, None, None)


def test_packets_are_in_the_result_when_asked_for() -> None:
    result = packet_records.result([record(3, near=0.25)], {"output-raw": True})

    assert result["raw-packets"] == [
        {
            "seq-num": 3,
            "src-ts": AT_NOON,
            "src-clock-sync": True,
            "src-clock-err": 0.25,
            "dst-ts": AT_NOON + 2**32,
            "dst-clock-sync": True,
            "ip-ttl": 255,
        }
    ]
    assert "raw-packets" not in packet_records.result([record()], {"output-raw": False})


def test_buckets_are_as_wide_as_the_spec_says() -> None:
    result = packet_records.result([record()], {"bucket-width": 0.5})

    assert result["histogram-latency"] == {"2.00": 1}


def test_reads_what_owping_prints() -> None:
    result = packet_records.result(owamp_output.parse_one_way(OWPING), {"output-raw": True})

    raw = result.pop("raw-packets")
    assert result == {
        "schema": 1,
        "succeeded": True,
        "packets-sent": 7,
        "packets-received": 6,
        "packets-lost": 1,
        "packets-duplicated": 1,
        "packets-reordered": 1,
        "histogram-latency": {"1.23": 1, "1.25": 2, "1.20": 1, "91.31": 1, "-0.02": 1},
        "histogram-ttl": {"252": 5, "251": 1},
        "max-clock-error": 0.36,  # 0.000104904 s and 0.00025177 s
    }
    assert [packet["seq-num"] for packet in raw] == [0, 1, 3, 2, 3, 4, 5, 6]
    assert raw[5]["dst-ts"] == 0
    assert TEST.result_versions.problem({**result, "raw-packets": raw}) is None


def test_reads_what_twping_prints() -> None:
    trips = owamp_output.parse_two_way(TWPING)

    there, back = trips[0]
    assert (there.seq, there.ttl, there.sent.synchronized, there.received.synchronized) == (
        0,
        253,
        True,
        False,
    )
    assert (back.seq, back.ttl, back.sent.synchronized, back.received.synchronized) == (0, 61, False, True)
    assert there.received.error == back.sent.error == 0.00744653
    assert [there.is_lost for there, _ in trips] == [False, False, True, False, False, False]
    assert [there.seq for there, _ in trips] == [0, 1, 2, 4, 3, 4]


@pytest.mark.parametrize(
    ("line", "near", "far"),
    [
        (LINE, 1.5e-05, 0.007),
        (LINE.replace("1.5e-05", ""), None, 0.007),  # no estimate at all
        (LINE.replace("0.007", "."), 1.5e-05, None),
        (LINE.replace("0.007", "9e999"), 1.5e-05, None),  # more than JSON holds
        (LINE + " ", 1.5e-05, 0.007),
    ],
)
def test_an_error_may_be_missing(line: str, near: float | None, far: float | None) -> None:
    (found,) = owamp_output.parse_one_way(f"{line}\n")

    assert (found.sent.error, found.received.error) == (near, far)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--- owping statistics from [a]:8760 to [b]:9960 ---",
        LINE.replace(" 253", ""),
        LINE + " 1",
        "-" + LINE,
        LINE.replace(" 253", " 256"),  # a TTL is an octet
        LINE.replace("17198870119322786810", "99999999999999999999"),  # more than 64 bits
        LINE.replace(" 1 ", " 2 "),
        LINE.replace("7 ", "\N{ARABIC-INDIC DIGIT SEVEN} ", 1),
    ],
)
def test_other_lines_are_no_packets(line: str) -> None:
    with pytest.raises(PluginFailed, match="printed no packets"):
        owamp_output.parse_one_way(line)
    assert len(owamp_output.parse_one_way(f"{line}\n{LINE}\n")) == 1


@pytest.mark.parametrize(
    "output", ["", LINE, f"{LINE} {LINE} {LINE}", f"{LINE} {LINE.replace('253', '999')}"]
)
def test_other_lines_are_no_round_trips(output: str) -> None:
    with pytest.raises(PluginFailed, match="printed no packets"):
        owamp_output.parse_two_way(output)


WORDS = st.sampled_from(
    ["0", "1", "2", "", "255", "256", "1e5", ".", "-1", str(AT_NOON), "9" * 25, "x", "\n"]
)


@given(st.lists(WORDS | st.text(max_size=3), max_size=40).map(" ".join) | st.text())
@example("0 0 0 e 0 0 e 0")
def test_any_output_is_packets_or_a_failure(output: str) -> None:
    for parse in (owamp_output.parse_one_way, owamp_output.parse_two_way):
        try:
            found = parse(output)
        except PluginFailed:
            continue  # any other error fails this test
        records = [item if isinstance(item, Record) else item[0] for item in found]
        result = packet_records.result(records, {"output-raw": True})
        assert TEST.result_versions.problem(result) is None
