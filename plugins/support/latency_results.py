"""Results of latency and latencybg: their schema, how they are shown, and the numbers kept of them."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from chalicelib.domain.histogram import Histogram, from_labels
from chalicelib.domain.metrics import COUNT, MILLISECONDS, Metric, number, present, share
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Spec
from plugins.sdk.show import Block, Rows, Table
from plugins.sdk.test import Result

NOT_REPORTED = "Not Reported"
BUCKET_WIDTH = 0.001
"""Seconds of a bucket where the spec does not say: the keys of the histogram are milliseconds then."""

COUNTERS = ("sent", "received", "lost", "duplicated", "reordered")


def _counts(keys: str) -> dict[str, JSON]:
    """The schema of an object whose members are values that were seen, and how often."""
    counts = {rf"^{keys}\Z": TYPES["Integer"]}
    return {"type": "object", "patternProperties": counts, "additionalProperties": False}


RAW_PACKET = closed(
    {
        "seq-num": TYPES["CardinalZero"],
        "src-ts": TYPES["CardinalZero"],
        "src-clock-sync": TYPES["Boolean"],
        "src-clock-err": TYPES["Number"],
        "dst-ts": TYPES["CardinalZero"],
        "dst-clock-sync": TYPES["Boolean"],
        "dst-clock-err": TYPES["Number"],
        "ip-ttl": TYPES["UInt8"],
    },
    required=("seq-num", "src-ts", "dst-ts", "src-clock-sync", "dst-clock-sync", "ip-ttl"),
)

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        **{f"packets-{kind}": TYPES["CardinalZero"] for kind in COUNTERS},
        "max-clock-error": TYPES["Number"],
        "histogram-latency": _counts(r"[+-]?[0-9]+(?:\.[0-9]+)?"),
        "histogram-ttl": _counts("[0-9]+"),
        "raw-packets": {"type": "array", "items": RAW_PACKET},
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded",),
)


def show(spec: Spec, result: Result) -> list[Block]:
    width = Decimal(str(spec.get("bucket-width", BUCKET_WIDTH)))
    decimals = max(0, int(-width.log10() - 1))
    delays = from_labels(result.get("histogram-latency", {}), unit=width * 1000)
    ttls = from_labels(result.get("histogram-ttl", {}))
    clock_error = result.get("max-clock-error")
    shown: list[Rows | Table] = [
        Rows(_counters(result), title="Packet Statistics"),
        Rows(
            [
                *_statistics("Delay", delays, " ms", max(2, decimals)),
                ("Max Clock Error", NOT_REPORTED if clock_error is None else f"{clock_error} ms"),
            ],
            title="One-way Latency Statistics",
        ),
        Rows(_jitter(delays, max(2, decimals)), title="Common Jitter Measurements"),
        _buckets("Delay", delays, " ms", decimals),
        Rows(_statistics("TTL", ttls, "", 2), title="TTL Statistics"),
        _buckets("TTL", ttls, "", 0),
        *([_raw(result["raw-packets"])] if "raw-packets" in result else []),
    ]
    return [block for block in shown if block.rows]


def _counters(result: Result) -> list[tuple[str, JSON]]:
    counted = [(kind, result.get(f"packets-{kind}")) for kind in COUNTERS]
    return [
        (f"Packets {kind.capitalize()}", NOT_REPORTED if count is None else f"{count} packets")
        for kind, count in counted
    ]


def _statistics(what: str, seen: Histogram | None, unit: str, decimals: int) -> list[tuple[str, JSON]]:
    if seen is None:
        return [(f"{what} {name}", NOT_REPORTED) for name in ("Median", "Minimum", "Maximum", "Mean", "Mode")]
    values = {
        "Median": seen.percentile(50),
        "Minimum": seen.minimum,
        "Maximum": seen.maximum,
        "Mean": seen.mean,
        **{f"{percent}th Percentile": seen.percentile(percent) for percent in (25, 75, 95)},
    }
    rows: list[tuple[str, JSON]] = [
        (f"{what} {name}", _fixed(value, decimals) + unit) for name, value in values.items()
    ]
    modes = ", ".join(_fixed(mode, decimals) + unit for mode in seen.modes)
    return [*rows[:4], (f"{what} Mode", modes), *rows[4:]]


def _jitter(delays: Histogram | None, decimals: int) -> list[tuple[str, JSON]]:
    if delays is None:
        return []
    return [
        ("P95 - P50", f"{_fixed(delays.percentile(95) - delays.percentile(50), decimals)} ms"),
        ("P75 - P25", f"{_fixed(delays.percentile(75) - delays.percentile(25), decimals)} ms"),
        ("Variance", f"{_fixed(delays.variance, decimals)} ms^2"),
        ("Std Deviation", f"{_fixed(delays.deviation, decimals)} ms"),
    ]


def _fixed(value: Decimal, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if Decimal(text).is_zero() else text


def _buckets(what: str, seen: Histogram | None, unit: str, decimals: int) -> Table:
    counts: dict[str, int] = {}
    for value, count in seen.buckets if seen else ():
        label = _fixed(value, decimals)
        counts[label] = counts.get(label, 0) + count
    heading = f"{what} ({unit.strip()})" if unit else what
    return Table(
        (heading, "Packets"),
        list(counts.items()),
        line=lambda row: f"{row[0]}{unit}: {row[1]} packets",
        title=f"{what} Histogram",
    )


def _raw(packets: Sequence[Mapping[str, JSON]]) -> Table:
    """A row a packet, a member a column; an error that is not known stays empty."""
    names = list(RAW_PACKET["properties"])
    return Table(
        names,
        [[packet.get(name, "") for name in names] for packet in packets],
        line=lambda row: " ".join(f"{name}={value}" for name, value in zip(names, row, strict=True)),
        title="Raw Packets",
    )


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """Delays and how they vary, from the histogram; loss from the counters.

    A median that is smaller than the error of the clocks says nothing, and neither does one below zero.
    """
    counted = [number(f"packets.{kind}", result.get(f"packets-{kind}"), COUNT) for kind in COUNTERS]
    lost = share("loss.ratio", result.get("packets-lost"), result.get("packets-sent"))
    error = number("clock.error", result.get("max-clock-error"), MILLISECONDS)
    width = Decimal(str(spec.get("bucket-width", BUCKET_WIDTH)))
    delays = from_labels(result.get("histogram-latency", {}), unit=width * 1000)
    if not delays:
        return present(lost, error, *counted)
    median = delays.percentile(50)
    sure = median >= max(0, Decimal(str(error.value)) if error else 0)
    found = {
        "delay.min": delays.minimum,
        "delay.mean": delays.mean,
        "delay.median": median,
        "delay.p95": delays.percentile(95),
        "delay.p99": delays.percentile(99),
        "delay.max": delays.maximum,
    }
    measured = [number(name, value, MILLISECONDS, sure) for name, value in found.items()]
    jitter = number("jitter", delays.percentile(95) - median, MILLISECONDS)  # the clocks' error cancels out
    return present(*measured, jitter, lost, error, *counted)


RESULT_EXAMPLES: tuple[Result, ...] = (
    {
        "schema": 1,
        "succeeded": True,
        "packets-sent": 5,
        "packets-received": 4,
        "packets-lost": 1,
        "packets-duplicated": 1,
        "packets-reordered": 1,
        "max-clock-error": 0.21,
        "histogram-latency": {"-0.05": 1, "0.00": 1, "1.23": 1, "12.50": 1},
        "histogram-ttl": {"254": 3, "61": 1},
        "raw-packets": [
            {
                "seq-num": 0,
                "src-ts": 17239427841062932480,
                "src-clock-sync": True,
                "src-clock-err": 0.000105,
                "dst-ts": 17239427841116619776,
                "dst-clock-sync": False,
                "dst-clock-err": 0.000105,
                "ip-ttl": 254,
            },
            {
                "seq-num": 1,
                "src-ts": 17239427841492429312,
                "src-clock-sync": True,
                "dst-ts": 0,
                "dst-clock-sync": False,
                "ip-ttl": 255,
            },
        ],
    },
    {
        "succeeded": True,
        "packets-sent": 10,
        "packets-received": 0,
        "packets-lost": 10,
        "histogram-latency": {},
        "histogram-ttl": {},
    },
    {"succeeded": True},
    {"schema": 1, "succeeded": False, "error": "The session was refused", "diags": "owping ..."},
)
