"""The tests latency and latencybg."""

import shlex
from random import Random
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins import sdk
from plugins.sdk.show import HTML, TEXT, render
from plugins.support import latency_results
from plugins.tests import latency, latencybg
from tests.chance import by_chance

BOTH = pytest.mark.parametrize("test", [latency.TEST, latencybg.TEST], ids=lambda test: test.name)


def shown(result: dict[str, Any], spec: dict[str, Any] | None = None, mime: str = TEXT) -> list[str]:
    whole = {"succeeded": True, **result}
    assert latency.TEST.result_versions.problem(whole) is None
    return render(latency_results.show(spec or {}, whole), mime).splitlines()


@pytest.mark.parametrize(
    ("test", "arguments", "schema"),
    [
        (latency.TEST, "--output-raw --flip", 1),
        (latency.TEST, "--reverse", 2),
        (latency.TEST, "-r --traverse-nat", 3),
        (latency.TEST, "--traverse-nat", 3),
        (latency.TEST, "--protocol twamp", 4),
        (latencybg.TEST, "--duration PT1H", 1),
        (latencybg.TEST, "--protocol owamp", 2),
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(test: sdk.Test, arguments: str, schema: int) -> None:
    spec = test.parse(["--dest", "192.0.2.1", "--source", "192.0.2.2", *arguments.split()])

    assert spec["schema"] == schema
    assert test.problem(spec) is None


@BOTH
def test_every_option_has_its_short_form(test: sdk.Test) -> None:
    arguments = "-s a -d b -c 600 -i 0.5 -L 1 -p 10 -C 8861 -P 100-9000 -T 32 --ip-version 4 -b 0.0001 -R -f"

    assert test.parse(shlex.split(arguments)) == {
        "schema": 1,
        "source": "a",
        "dest": "b",
        "packet-count": 600,
        "packet-interval": 0.5,
        "packet-timeout": 1,
        "packet-padding": 10,
        "ctrl-port": 8861,
        "data-ports": {"lower": 100, "upper": 9000},
        "ip-tos": 32,
        "ip-version": 4,
        "bucket-width": 0.0001,
        "output-raw": True,
        "flip": True,
    }


@BOTH
@pytest.mark.parametrize(
    ("ports", "taken"),
    [
        ("9-10", True),  # numbers, not texts, are compared
        ("8760-9960", True),
        ("100-20", False),
        ("10-10", False),
        ("10", False),
        ("10-", False),
        ("-10", False),
        ("1-2-3", False),
        ("a-b", False),
        ("", False),
        ("+1-5", False),
        ("1-5\n", False),
        ("\N{ARABIC-INDIC DIGIT THREE}-9", False),
    ],
)
def test_data_ports_are_a_range_that_rises(test: sdk.Test, ports: str, taken: bool) -> None:
    if not taken:
        with pytest.raises(Invalid, match="--data-ports"):
            test.parse(["--dest", "a", f"--data-ports={ports}"])
    else:
        spec = test.parse(["--dest", "a", f"--data-ports={ports}"])
        assert test.arguments(spec)[-2:] == ["--data-ports", ports]


@BOTH
@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"dest": "not a host!"}, "/dest"),
        ({"source-node": "::1"}, "/source-node"),
        ({"dest-node": "a:b"}, "/dest-node"),
        ({"packet-count": 0}, "/packet-count: 0 is less than the minimum of 1"),
        ({"packet-interval": 0}, "/packet-interval"),
        ({"packet-interval": "PT1S"}, "/packet-interval"),
        ({"packet-timeout": 1.5}, "/packet-timeout"),
        ({"packet-timeout": -1}, "/packet-timeout"),
        ({"packet-padding": -1}, "/packet-padding"),
        ({"ctrl-port": 65536}, "/ctrl-port"),
        ({"data-ports": {"lower": 1, "upper": 99999}}, "/data-ports/upper"),
        ({"data-ports": {"lower": 1}}, '"upper" is a required'),
        ({"ip-tos": 256}, "/ip-tos"),
        ({"ip-version": 5}, "/ip-version"),
        ({"bucket-width": 0}, "/bucket-width"),
        ({"bucket-width": 1}, "/bucket-width"),
        ({"output-raw": "yes"}, "/output-raw"),
        ({"protocol": "owamp"}, '"protocol" was unexpected'),
        ({"reverse": True}, '"reverse" was unexpected'),
        ({"traverse-nat": True}, '"traverse-nat" was unexpected'),
        ({"flip": True}, "/flip: must be absent or false if there is no source"),
        (
            {"flip": True, "source-node": "node"},
            "/flip: must be absent or false if there is no source",
        ),  # the node is not where to measure
    ],
)
def test_a_bad_member_is_named(test: sdk.Test, members: dict[str, Any], complaint: str) -> None:
    problem = test.problem({"dest": "192.0.2.1", **members})

    assert complaint in str(problem)


@pytest.mark.parametrize("member", ["reverse", "traverse-nat"])
def test_in_the_background_there_is_no_way_back(member: str) -> None:
    problem = latencybg.TEST.problem({"schema": 2, "dest": "a", member: True})

    assert f'"{member}" was unexpected' in str(problem)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("PT1H", "PT1H"),
        ("90", "PT1M30S"),
        ("0", "P0D"),
        ("86400", "P1D"),
        ("1.5", "1.5"),  # left for the schema to refuse
        ("x", "x"),
    ],
)
def test_a_duration_of_digits_is_seconds(text: str, wanted: str) -> None:
    assert latencybg.TEST.parse(["--dest", "a", "-t", text])["duration"] == wanted


def test_a_duration_of_too_many_digits_is_refused() -> None:
    with pytest.raises(Invalid, match="must be fewer seconds than"):
        latencybg.TEST.parse(["--dest", "a", "--duration", "9" * 30])


@BOTH
@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, [None]),
        ({"source": "a"}, ["a"]),
        ({"source": "a", "source-node": "b:8443"}, ["b:8443"]),
        ({"source-node": "b"}, ["b"]),
        ({"source": "a", "dest-node": "c"}, ["a"]),
        ({"source": "a", "flip": False, "dest-node": "c"}, ["a"]),
        ({"source": "a", "flip": True}, ["192.0.2.1"]),
        ({"source": "a", "flip": True, "dest-node": "c"}, ["c"]),
    ],
)
def test_one_end_measures(test: sdk.Test, members: dict[str, Any], wanted: list[str | None]) -> None:
    assert test.participants({"dest": "192.0.2.1", **members}) == wanted


@pytest.mark.parametrize(
    ("members", "valid"),
    [
        ({}, True),
        ({"max-clock-error": 0.5, "packets-sent": 0}, True),
        ({"histogram-latency": {"1.00": 3, "-0.5": 1, "+2": 1}, "histogram-ttl": {"64": 4}}, True),
        ({"histogram-latency": {"fast": 3}}, False),
        ({"histogram-latency": {"1.00\n": 3}}, False),
        ({"histogram-latency": {"1.00": 0.5}}, False),
        ({"histogram-ttl": {"64.0": 1}}, False),
        ({"packets-sent": -1}, False),
        ({"max-clock-error": "0.5"}, False),
        ({"raw-packets": [{"seq-num": 1}]}, False),
        ({"loss": 0.5}, False),
    ],
)
def test_what_a_result_may_be(members: dict[str, Any], valid: bool) -> None:
    problem = latency.TEST.result_versions.problem({"succeeded": True, **members})

    assert (problem is None) is valid


def test_a_result_has_the_statistics_of_its_histograms() -> None:
    # The figures are the reference server's for the same result.
    lines = shown(
        {
            "packets-sent": 20,
            "packets-received": 20,
            "packets-lost": 0,
            "packets-duplicated": 0,
            "packets-reordered": 0,
            "histogram-latency": {"0.93": 1, "0.02": 19},
            "histogram-ttl": {"64": 20},
        }
    )

    assert (
        lines
        == """\
Packet Statistics
-----------------
Packets Sent ....... 20 packets
Packets Received ... 20 packets
Packets Lost ....... 0 packets
Packets Duplicated . 0 packets
Packets Reordered .. 0 packets

One-way Latency Statistics
--------------------------
Delay Median .......... 0.02 ms
Delay Minimum ......... 0.02 ms
Delay Maximum ......... 0.93 ms
Delay Mean ............ 0.07 ms
Delay Mode ............ 0.02 ms
Delay 25th Percentile . 0.02 ms
Delay 75th Percentile . 0.02 ms
Delay 95th Percentile . 0.88 ms
Max Clock Error ....... Not Reported

Common Jitter Measurements
--------------------------
P95 - P50 ..... 0.86 ms
P75 - P25 ..... 0.00 ms
Variance ...... 0.04 ms^2
Std Deviation . 0.20 ms

Delay Histogram
---------------
0.02 ms: 19 packets
0.93 ms: 1 packets

TTL Statistics
--------------
TTL Median .......... 64.00
TTL Minimum ......... 64.00
TTL Maximum ......... 64.00
TTL Mean ............ 64.00
TTL Mode ............ 64.00
TTL 25th Percentile . 64.00
TTL 75th Percentile . 64.00
TTL 95th Percentile . 64.00

TTL Histogram
-------------
64: 20 packets""".splitlines()
    )


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (None, "1.23 ms: 1 packets"),
        (0.001, "1.23 ms: 1 packets"),
        (0.0001, "0.123 ms: 1 packets"),
        (0.01, "12.3 ms: 1 packets"),
        (0.1, "123 ms: 1 packets"),
        (0.5, "615 ms: 1 packets"),
        (0.005, "6.2 ms: 1 packets"),  # 6.15, to one decimal
        (1e-09, "0.00000123 ms: 1 packets"),
    ],
)
def test_buckets_are_shown_in_milliseconds(width: float | None, wanted: str) -> None:
    spec = {} if width is None else {"bucket-width": width}

    assert wanted in shown({"histogram-latency": {"1.23": 1}}, spec)


def test_buckets_that_look_the_same_are_shown_as_one() -> None:
    lines = shown({"histogram-latency": {"1.23": 2, "1.24": 3, "-0.00": 1}}, {"bucket-width": 0.005})

    assert lines[lines.index("Delay Histogram") + 2 :][:2] == ["0.0 ms: 1 packets", "6.2 ms: 5 packets"]


def test_buckets_are_in_the_order_of_their_numbers() -> None:
    lines = shown(
        {"histogram-latency": {"10.00": 1, "9.00": 1, "-1.00": 1}, "histogram-ttl": {"64": 1, "9": 2}}
    )

    assert [line for line in lines if line.endswith("packets") and " ms: " in line] == [
        "-1.00 ms: 1 packets",
        "9.00 ms: 1 packets",
        "10.00 ms: 1 packets",
    ]
    assert lines[-2:] == ["9: 2 packets", "64: 1 packets"]


def test_zero_is_reported() -> None:
    lines = shown({"histogram-latency": {"0.00": 3}, "packets-lost": 0, "max-clock-error": 0})

    assert "Delay Median .......... 0.00 ms" in lines
    assert "P95 - P50 ..... 0.00 ms" in lines
    assert "Packets Lost ....... 0 packets" in lines
    assert "Max Clock Error ....... 0 ms" in lines


def test_every_mode_is_shown() -> None:
    lines = shown({"histogram-latency": {"2.00": 3, "1.00": 3, "5.00": 1}})

    assert "Delay Mode ............ 1.00 ms, 2.00 ms" in lines


def test_what_is_missing_is_said_to_be() -> None:
    lines = shown({})

    assert "Packets Sent ....... Not Reported" in lines
    assert "Delay Median .... Not Reported" in lines
    assert not any("P95" in line or "Histogram" in line for line in lines)


def test_raw_packets_are_shown_one_a_line_and_as_a_table() -> None:
    raw = latency_results.RESULT_EXAMPLES[0]["raw-packets"]

    lines, html = shown({"raw-packets": raw}), "".join(shown({"raw-packets": raw}, mime=HTML))

    assert lines[-1] == (
        "seq-num=1 src-ts=17239427841492429312 src-clock-sync=True src-clock-err= "
        "dst-ts=0 dst-clock-sync=False dst-clock-err= ip-ttl=255"
    )
    assert "<th>seq-num</th>" in html
    assert "<td>17239427841116619776</td>" in html


def test_html_has_a_table_a_section() -> None:
    html = "\n".join(shown(latency_results.RESULT_EXAMPLES[0], mime=HTML))

    assert html.count("<table>") == html.count("</table>") == html.count("<caption>") == 7
    assert "<tr><th>Delay (ms)</th><th>Packets</th></tr>" in html


def digits(chance: Random, most: int) -> str:
    """Few or many, of all sizes alike."""
    return "".join(chance.choices("0123456789", k=chance.randint(1, chance.choice([1, 3, most]))))


def delay(chance: Random) -> str:
    decimals = f".{digits(chance, 30)}" if chance.randrange(2) else ""
    return chance.choice(["", "+", "-"]) + digits(chance, 320) + decimals


def count(chance: Random) -> int:
    most = chance.choice([9, 10**40])
    return chance.randint(-most, most)


@by_chance
def test_every_valid_result_can_be_shown(chance: Random) -> None:
    latencies = {delay(chance): count(chance) for _ in range(chance.randrange(9))}
    ttls = {digits(chance, 320): count(chance) for _ in range(chance.randrange(5))}
    width = chance.choice([5e-324, 1e-300, 0.001, chance.random() or 0.5, 1 - 2**-53])
    result = {"histogram-latency": latencies, "histogram-ttl": ttls}

    assert shown(result, {"bucket-width": width})
    assert shown(result, {"bucket-width": width}, HTML)
