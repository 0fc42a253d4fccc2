"""What the tools of latency share: counting packets, planning, addresses, merging."""

import collections
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from plugins.sdk.jobs import PluginFailed
from plugins.tests.latency import TEST
from plugins.tools.one_way import packet_summary
from plugins.tools.one_way.packet_summary import Packet
from tests.builders import seconds


def packet(
    seq: int, milliseconds: float | None = 1, ttl: int | None = 64, error: float | None = None
) -> Packet:
    delay = None if milliseconds is None else Decimal(str(milliseconds)) / 1000
    return Packet(seq, delay, None if milliseconds is None else ttl, error)


@pytest.mark.parametrize(
    ("delay", "width", "wanted"),
    [
        ("0.00123", 0.001, "1.23"),  # with the default, milliseconds
        ("0.00123", 0.01, "0.12"),
        ("0.00123", 0.0001, "12.30"),
        ("0.0012349", 0.001, "1.23"),
        ("0.0012351", 0.001, "1.24"),
        ("1.5", 0.001, "1500.00"),
        ("0", 0.001, "0.00"),
        ("-0.000001", 0.001, "0.00"),  # never -0.00
        ("-0.00002", 0.001, "-0.02"),
        ("2", 5e-324, None),  # more than a float holds
    ],
)
def test_a_bucket_is_named_by_how_many_widths_it_is(delay: str, width: float, wanted: str | None) -> None:
    found = packet_summary.label(Decimal(delay), width)

    assert TEST.result_versions.problem({"succeeded": True, "histogram-latency": {found: 1}}) is None
    assert found == (wanted or found)


@pytest.mark.parametrize(
    ("packets", "wanted"),
    [
        ([], [0, 0, 0, 0, 0]),
        ([packet(0), packet(1)], [2, 2, 0, 0, 0]),
        ([packet(0), packet(1, None)], [2, 1, 1, 0, 0]),
        ([packet(0), packet(0), packet(0)], [1, 1, 0, 2, 0]),
        ([packet(1), packet(0), packet(2)], [3, 3, 0, 0, 1]),
        ([packet(2), packet(1), packet(0)], [3, 3, 0, 0, 2]),
        (
            [packet(0), packet(2), packet(0), packet(1)],
            [3, 3, 0, 1, 1],
        ),  # the duplicate is not reordered, too
        ([packet(0, None), packet(0, None)], [2, 0, 2, 0, 0]),  # lost ones may not know their numbers
    ],
)
def test_packets_are_counted(packets: list[Packet], wanted: list[int]) -> None:
    found = packet_summary.summary(packets)

    kinds = ("sent", "received", "lost", "duplicated", "reordered")
    assert [found[f"packets-{kind}"] for kind in kinds] == wanted


def test_only_the_first_of_a_packet_is_in_the_histograms() -> None:
    packets = [packet(0, 1.5), packet(1, 2, ttl=63), packet(0, 90, ttl=1), packet(2, 1.5), packet(3, None)]

    found = packet_summary.summary(packets)

    assert found["histogram-latency"] == {"1.50": 2, "2.00": 1}
    assert found["histogram-ttl"] == {"64": 2, "63": 1}


def test_the_greatest_error_of_the_clocks_is_in_milliseconds() -> None:
    packets = [packet(0, error=0.000255), packet(1, error=0.01234567), packet(2)]

    assert packet_summary.summary(packets)["max-clock-error"] == 12.35


def test_no_error_of_the_clocks_is_said_where_none_is_known() -> None:
    assert "max-clock-error" not in packet_summary.summary([packet(0), packet(1, None, error=5)])


PACKETS = st.lists(
    st.builds(
        Packet,
        seq=st.integers(0, 9),
        delay=st.none() | st.decimals(-5, 100, places=9),
        ttl=st.none() | st.integers(0, 255),
        clock_error=st.none() | st.floats(0, 1e6),
    )
)


@given(PACKETS, st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_every_packet_is_counted_once(packets: list[Packet], width: float) -> None:
    found = packet_summary.summary(packets, width)

    assert found["packets-sent"] == found["packets-received"] + found["packets-lost"]
    assert found["packets-sent"] + found["packets-duplicated"] == len(packets)
    assert sum(found["histogram-latency"].values()) == found["packets-received"]
    assert found["packets-reordered"] <= max(0, found["packets-received"] - 1)
    assert TEST.result_versions.problem({"succeeded": True, **found}) is None


@given(PACKETS)
def test_the_histogram_has_each_bucket_as_often_as_it_was_hit(packets: list[Packet]) -> None:
    alone = [Packet(number, packet.delay) for number, packet in enumerate(packets)]

    found = packet_summary.summary(alone)["histogram-latency"]

    assert found == collections.Counter(
        packet_summary.label(packet.delay, 0.001) for packet in alone if packet.delay is not None
    )


@pytest.mark.parametrize(
    ("number", "wanted"),
    [
        ("0.1", "0.1"),
        ("1", "1"),
        ("1.0", "1"),
        ("100", "100"),
        ("1E-5", "0.00001"),
        ("1.50", "1.5"),
        ("1E+3", "1000"),
    ],
)
def test_numbers_are_written_plainly(number: str, wanted: str) -> None:
    assert packet_summary.plain(Decimal(number)) == wanted


def test_a_plan_is_a_time() -> None:
    assert packet_summary.planned(Decimal("2.5")) == seconds(2.5)


def test_a_plan_for_more_than_a_century_is_refused() -> None:
    with pytest.raises(Invalid, match="century"):
        packet_summary.planned(Decimal("1E+300"))


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"dest": "192.0.2.1"}, (None, "192.0.2.1")),
        ({"dest": "192.0.2.1", "source": "192.0.2.2"}, ("192.0.2.2", "192.0.2.1")),
        ({"dest": "2001:db8::1", "source": "2001:db8::2"}, ("2001:db8::2", "2001:db8::1")),
        ({"dest": "192.0.2.1", "source": "192.0.2.2", "flip": True}, ("192.0.2.1", "192.0.2.2")),
        ({"dest": "192.0.2.1", "source": "192.0.2.2", "flip": False}, ("192.0.2.2", "192.0.2.1")),
    ],
)
def test_the_near_end_is_the_one_that_measures(spec: dict[str, Any], wanted: tuple[str | None, str]) -> None:
    assert packet_summary.ends(spec) == wanted


@pytest.mark.parametrize(
    "spec",
    [
        {"dest": "192.0.2.1", "source": "2001:db8::2"},
        {"dest": "192.0.2.1", "ip-version": 6},
        {"dest": "nowhere.invalid"},
    ],
)
def test_ends_without_addresses_are_a_failure(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginFailed):
        packet_summary.ends(spec)


@pytest.mark.parametrize(
    ("spec", "back"),
    [
        ({}, False),
        ({"reverse": True}, True),
        ({"flip": True}, True),  # from the far end, which is the source
        ({"flip": True, "reverse": True}, False),
        ({"flip": False, "reverse": False}, False),
    ],
)
def test_flip_and_reverse_say_which_way_counts(spec: dict[str, Any], back: bool) -> None:
    assert packet_summary.measures_way_back(spec) is back


FIRST, SECOND = {"succeeded": True, "packets-sent": 1}, {"succeeded": True, "packets-sent": 2}
FAILED = {"succeeded": False, "result": None, "error": "Refused", "diags": "owping -R"}


@pytest.mark.parametrize(
    ("spec", "results", "wanted"),
    [
        ({}, [FIRST], FIRST),
        ({"flip": True}, [FIRST], FIRST),
        ({}, [FIRST, SECOND], FIRST),
        ({"flip": True}, [FIRST, SECOND], SECOND),
        ({}, [FIRST, FAILED], {"succeeded": False}),
        ({}, [FIRST, None], {"succeeded": False}),
        ({}, [FAILED], {"succeeded": False, "error": "Refused", "diags": "owping -R"}),
        ({}, [None], {"succeeded": False}),
        ({}, [{"succeeded": False, "error": None}], {"succeeded": False}),
        ({}, [], {"succeeded": False}),
    ],
)
def test_results_are_merged(spec: dict[str, Any], results: list[Any], wanted: dict[str, Any]) -> None:
    merged = packet_summary.merge(spec, results)

    assert merged == wanted
    assert TEST.result_versions.problem(merged) is None
