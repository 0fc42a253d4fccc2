from typing import Any

import pytest

from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.throughput import TEST

ENTRY = {"start": 0, "end": 1.0004, "stream-id": 5, "throughput-bits": 1.5e9}


def shown(intervals: list[Any], streams: list[Any], mime: str = TEXT, **more: Any) -> str:
    summary = {"streams": streams, "summary": streams[0] if streams else {}}
    result = {"succeeded": True, "diags": "", "intervals": intervals, "summary": summary, **more}
    assert TEST.result_versions.problem(result) is None
    return render(TEST.show({"dest": "a"}, result), mime)


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        (["--parallel", "2"], 1),
        (["--congestion", "cubic"], 1),
        (["--single-ended"], 2),
        (["--single-ended-port", "5999"], 2),
        (["--link-rtt", "50"], 3),
        (["--congestion", "dctcp"], 4),  # not one of the eight there were before
        (["--bandwidth-strict"], 4),
        (["--burst-size", "10"], 4),
        (["--loopback"], 5),
        (["--reverse-connections"], 6),
        (["--fq-rate", "1G"], 7),
        (["--fq-rate", "1G", "--single-ended"], 7),
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(arguments: list[str], schema: int) -> None:
    spec = TEST.parse(["--dest", "192.0.2.1", *arguments])

    assert spec["schema"] == schema
    assert TEST.problem(spec) is None


@pytest.mark.parametrize(
    ("arguments", "members"),
    [
        (["-t", "10"], {"duration": "PT10S"}),  # digits alone are seconds
        (["-t", "PT1M"], {"duration": "PT1M"}),
        (["-i", "1", "-O", "2"], {"interval": "PT1S", "omit": "PT2S"}),
        (["--link-rtt", "50"], {"link-rtt": "PT0.05S"}),  # or milliseconds
        (["--link-rtt", "7"], {"link-rtt": "PT0.007S"}),
        (["--link-rtt", "2000"], {"link-rtt": "PT2S"}),
        (["--link-rtt", "PT0.1S"], {"link-rtt": "PT0.1S"}),
        (["-b", "10M", "-w", "1.5k"], {"bandwidth": 10_000_000, "window-size": 1500}),
        (["-u", "-P", "4"], {"udp": True, "parallel": 4}),
        (["--no-delay"], {"no-delay": True}),
        (["--flow-label", "5"], {"flow-label": 5, "ip-version": 6}),  # IPv4 has none
        (["--flow-label", "5", "--ip-version", "4"], {"flow-label": 5, "ip-version": 6}),
        # Zero is what they are without being given.
        (["--ip-tos", "0", "--flow-label", "0", "--single-ended-port", "0"], {}),
        (["--client-cpu-affinity", "0"], {"client-cpu-affinity": 0}),
        (["--destination", "b"], {"dest": "b"}),
    ],
)
def test_arguments_become_members(arguments: list[str], members: dict[str, Any]) -> None:
    spec = TEST.parse(["--dest", "a", *arguments])

    assert spec == {"schema": spec["schema"], "dest": "a", **members}
    assert TEST.problem(spec) is None


@pytest.mark.parametrize("arguments", [["-t", "soon"], ["-t", "٣"], ["--link-rtt", "-5"], ["-O", ""]])
def test_times_that_are_none_are_left_to_the_schema(arguments: list[str]) -> None:
    spec = TEST.parse(["--dest", "a", *arguments])

    assert "is not an ISO 8601 duration" in str(TEST.problem(spec))


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"schema": 1, "link-rtt": "PT0.05S"}, '"link-rtt" was unexpected'),
        ({"schema": 3, "congestion": "dctcp"}, '/congestion: "dctcp" is not one of'),
        ({"schema": 4, "congestion": ""}, "/congestion"),
        ({"schema": 6, "fq-rate": 1}, '"fq-rate" was unexpected'),
        ({"bandwidth": "10M"}, "/bandwidth"),  # a suffix is for the command line
        ({"flow-label": 0}, "/flow-label: 0 is less than the minimum of 1"),
        ({"ip-tos": 256}, "/ip-tos"),
        ({"parallel": 0}, "/parallel"),
        ({"dest": "[::1]"}, "/dest"),
        (
            {"schema": 5, "single-ended": True, "loopback": True},
            "must not have both single-ended and loopback",
        ),
        (
            {"schema": 5, "single-ended": False, "loopback": True},
            "must not have both single-ended and loopback",
        ),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    problem = TEST.problem({"dest": "192.0.2.1", **members})

    assert complaint in str(problem)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, [None, "a"]),
        ({"source": "b"}, ["b", "a"]),
        ({"source": "b", "source-node": "c", "dest-node": "d"}, ["c", "d"]),
        ({"reverse": True, "source": "b"}, ["b", "a"]),  # the order is that of the ends
        ({"single-ended": True, "dest-node": "d"}, [None]),
        ({"loopback": True, "source": "b"}, ["b"]),
        ({"loopback": False}, [None, "a"]),
    ],
)
def test_both_ends_take_part_unless_one_is_enough(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "a", **spec}) == wanted


def test_intervals_are_shown_stream_by_stream() -> None:
    first = {**ENTRY, "retransmits": 3, "tcp-window-size": 916762}
    second = {**first, "stream-id": 7}
    later = {**first, "start": 1, "end": 2, "omitted": False}

    text = shown([{"streams": [later, {**second, "start": 1}]}, {"streams": [first, second]}], [first])

    assert text.splitlines()[:6] == [
        "Stream 5",
        "--------",
        "Interval       Throughput     Retransmits    Window",
        "0.0 - 1.0      1.50 Gbps      3              916.76 KBytes",
        "1.0 - 2.0      1.50 Gbps      3              916.76 KBytes",
        "",
    ]
    assert text.index("Stream 7") < text.index("Summary")
    assert "Summary by Stream" not in text


def test_what_is_omitted_comes_first_and_says_so() -> None:
    entries = [{**ENTRY, "omitted": False}, {**ENTRY, "start": 0.5, "omitted": True}]

    lines = shown([{"streams": [entry]} for entry in entries], [ENTRY]).splitlines()

    assert lines[3].startswith("0.5 - 1.0")
    assert lines[3].endswith("Omitted")
    assert lines[4].startswith("0.0 - 1.0")


def test_datagrams_show_their_losses_and_jitter() -> None:
    text = shown([], [{**ENTRY, "sent": 100, "lost": 3, "jitter": 0.0123, "retransmits": None}])

    assert "Lost / Sent    Jitter" in text
    assert "3 / 100        0.012 ms" in text
    assert "Retransmits" not in text


def test_streams_have_a_summary_where_there_are_several() -> None:
    received = {**ENTRY, "receiver-throughput-bits": 1.4e9}

    text = shown([], [received, {**ENTRY, "stream-id": "7"}])

    assert "Summary by Stream" in text
    assert "Received" in text
    assert "1.40 Gbps" in text


@pytest.mark.parametrize(
    ("bits", "wanted"),
    [
        (0, "0.00 bps"),
        (1000, "1000.00 bps"),  # a unit is for more than one of it
        (1001, "1.00 Kbps"),
        (1_234_567, "1.23 Mbps"),
        (9.876e12, "9876.00 Gbps"),
    ],
)
def test_rates_have_decimal_units(bits: float, wanted: str) -> None:
    assert f"{wanted}\n" in shown([], [{**ENTRY, "throughput-bits": bits}]) + "\n"


def test_sizes_follow_the_summary() -> None:
    sizes = {"mss": 1448, "mtu": 1500, "tcp-window-size": 2000000, "requested-tcp-window-size": 1000000}

    lines = shown([], [ENTRY], **sizes).splitlines()[-4:]

    assert lines == [
        "MSS ................... 1448 Bytes",
        "MTU ................... 1500 Bytes",
        "Window Size ........... 2.00 MBytes",
        "Requested Window Size . 1000.00 KBytes",
    ]


def test_a_result_with_next_to_nothing_can_be_shown() -> None:
    text = shown([{}], [])

    assert text.splitlines()[-1] == "Not Specified - Not Specified Not Specified"


def test_tables_have_captions_in_html() -> None:
    page = shown([{"streams": [ENTRY]}], [ENTRY], HTML)

    assert "<caption>Stream 5</caption>" in page
    assert (
        "<tr><th>Interval</th><th>Throughput</th></tr>\n<tr><td>0.0 - 1.0</td><td>1.50 Gbps</td></tr>" in page
    )
