"""What a result of throughput looks like: a table for each stream, and one for all
(docs/contract/tests.md)."""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.show import UNSPECIFIED, Block, Rows, Table
from plugins.sdk.test import Result

Entry = dict[str, Any]
"""What was measured of a stream, or of all of them, over a time."""

SUMMARY = "Summary"
_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "K"))
_WIDTH = 15


def show(spec: Spec, result: Result) -> list[Block]:
    """The intervals stream by stream, those that do not count first, then what they come to."""
    blocks: list[Block] = [
        _table(f"Stream {name}", entries) for name, entries in _by_stream(result["intervals"]).items()
    ]
    streams = result["summary"].get("streams", [])
    if len(streams) > 1:
        blocks.append(_table("Summary by Stream", streams, named=True))
    blocks.append(_table(SUMMARY, [result["summary"].get("summary", {})]))
    rows = [(label, shown(result[name])) for label, name, shown in SIZES if name in result]
    return [*blocks, Rows(rows)] if rows else blocks


def _by_stream(intervals: Sequence[JSON]) -> dict[JSON, list[Entry]]:
    entries = [entry for interval in intervals for entry in interval.get("streams", [])]
    ordered = sorted(entries, key=lambda entry: (not entry.get("omitted"), entry.get("start", 0)))
    found: dict[JSON, list[Entry]] = {}
    for entry in ordered:
        found.setdefault(entry.get("stream-id", UNSPECIFIED), []).append(entry)
    return found


def _table(title: str, entries: Sequence[Entry], named: bool = False) -> Table:
    """One row an entry, with the columns that any of them has something for."""
    present = {name for entry in entries for name in entry if _is_there(entry[name])}
    columns = [column for column in COLUMNS if column[1] & present or column[0] in ALWAYS]
    columns = [column for column in columns if named or column[0] != "Stream"]
    return Table(
        [heading for heading, _, _ in columns],
        [[cell(entry) for _, _, cell in columns] for entry in entries],
        line=lambda row: "".join(str(cell).ljust(_WIDTH - 1) + " " for cell in row),
        title=title,
        headed=True,
    )


def _is_there(value: JSON) -> bool:
    return value is not None and value is not False


def _interval(entry: Entry) -> str:
    times = [entry.get(name) for name in ("start", "end")]
    return " - ".join(UNSPECIFIED if time is None else f"{time:.1f}" for time in times)


def _scaled(value: JSON, unit: str) -> str:
    if value is None:
        return ""
    scale, prefix = next(((scale, prefix) for scale, prefix in _UNITS if value > scale), (1, ""))
    return f"{value / scale:.2f} {prefix}{unit}"


def _size(value: JSON) -> str:
    return _scaled(value, "Bytes")


def _bytes(value: JSON) -> str:
    return f"{value} Bytes"


def _rate(value: JSON) -> str:
    return _scaled(value, "bps")


def _lost(entry: Entry) -> str:
    lost, sent = (entry.get(name) for name in ("lost", "sent"))
    return f"{_text(lost) or '?'} / {_text(sent) or '?'}"


def _text(value: JSON) -> str:
    return "" if value is None else str(value)


ALWAYS = ("Interval", "Throughput")

# Heading, the members any of which makes it appear, and its cell. Windows and retransmits are those of
# TCP, losses and jitter those of UDP; what a tool leaves out or null is not shown.
COLUMNS = (
    ("Stream", {"stream-id"}, lambda entry: _text(entry.get("stream-id"))),
    ("Interval", {"start"}, _interval),
    ("Throughput", {"throughput-bits"}, lambda entry: _rate(entry.get("throughput-bits")) or UNSPECIFIED),
    ("Retransmits", {"retransmits"}, lambda entry: _text(entry.get("retransmits"))),
    ("Window", {"tcp-window-size"}, lambda entry: _size(entry.get("tcp-window-size"))),
    ("Lost / Sent", {"lost", "sent"}, _lost),
    (
        "Jitter",
        {"jitter"},
        lambda entry: "" if entry.get("jitter") is None else f"{entry['jitter']:.3f} ms",
    ),
    ("Received", {"receiver-throughput-bits"}, lambda entry: _rate(entry.get("receiver-throughput-bits"))),
    ("Omitted", {"omitted"}, lambda entry: "Omitted" if entry.get("omitted") else ""),
)

SIZES = (
    ("MSS", "mss", _bytes),
    ("MTU", "mtu", _bytes),
    ("Window Size", "tcp-window-size", _size),
    ("Requested Window Size", "requested-tcp-window-size", _size),
)
