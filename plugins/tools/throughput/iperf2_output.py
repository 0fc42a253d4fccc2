"""What iperf 2 prints -> the members of a throughput result (docs/contract/tools.md section 4).

Each line is one stream's, or the sum's, over a time. The last that begins at zero is the whole test's.
With UDP the server reports what arrived under a heading of its own, on lines that look alike.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

Object = dict[str, JSON]

SUM = "SUM"
_KIBI = 1024
_NUMBER = r"\d{1,18}(?:\.\d{1,9})?"
_LINE = re.compile(
    rf"^\[ *(?P<stream>\d{{1,9}}|SUM)\] +(?P<start>{_NUMBER})- *(?P<end>{_NUMBER}) sec"
    rf" +(?P<bytes>{_NUMBER}) Bytes +(?P<bits>{_NUMBER}) bits/sec(?P<rest>.*)$"
)
_REPORT = re.compile(r"^\[ *(\d{1,9})\] Server Report:")
_NO_NUMBER = re.compile(r"^\[ *\w+\] +0\.0+-.*\b(?:nan|inf)\b.* bits/sec", re.IGNORECASE | re.MULTILINE)
"""A line for the whole test that is none; one for an interval is left out by itself."""
_WRITES = re.compile(r"^ +(\d{1,18})/\d{1,18} ")
_TCP = re.compile(
    r"^ +\d{1,18}/\d{1,18} +(?P<retransmits>\d{1,18})\b"
    r"(?: +(?P<window>\d{1,12})K/(?P<rtt>\d{1,12})(?:\(\d+\))? us)?"
)
_PACKETS = re.compile(r" pps\s*$")
_ARRIVED = re.compile(rf"^ +(?P<jitter>{_NUMBER}) ms +(?P<lost>\d{{1,18}})/ *(?P<sent>\d{{1,18}}) ")
_WINDOW = re.compile(
    r"^TCP window size: *(\d{1,18}) Bytes?\b(?:.*\(WARNING: requested +(\d{1,18}) Bytes?\))?", re.MULTILINE
)
# What was agreed on when connecting, and what an older version says, which with -e precedes that.
_MSS = re.compile(r"icwnd/mss/irtt=\d+/(\d{1,9})/|^\[ *\d+\] MSS size (\d{1,9}) bytes", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class _Line:
    stream: str
    found: Object
    is_report: bool
    """Whether it is what the server said had arrived."""

    @property
    def begins(self) -> float:
        return float(self.found["start"])


def parse(output: str) -> Object:
    """The intervals, the summary, and the sizes. Raises PluginFailed where there are no figures."""
    if _NO_NUMBER.search(output):
        raise PluginFailed("iperf reported something that is not a number", output)
    lines = list(_lines(output))
    sent = [line for line in lines if not line.is_report]
    finals = {line.stream: position for position, line in enumerate(sent) if line.begins == 0}
    if not finals:
        raise PluginFailed("iperf printed no figures", output)
    arrived = {line.stream: line.found for line in lines if line.is_report}
    whole = {stream: sent[position].found for stream, position in finals.items()}
    return {
        "intervals": _intervals(
            [line for position, line in enumerate(sent) if position not in finals.values()]
        ),
        "summary": _summary(whole, arrived),
        **_sizes(output),
    }


def _lines(output: str) -> Iterator[_Line]:
    reported = None
    for text in output.splitlines():
        heading = _REPORT.match(text)
        if heading:
            reported = heading[1]
        match = _LINE.match(text)
        if match:
            found = _entry(match)
            yield _Line(match["stream"], found, is_report=match["stream"] == reported)


def _entry(match: "re.Match[str]") -> Object:
    found: Object = {
        "start": float(match["start"]),
        "end": float(match["end"]),
        "throughput-bits": float(match["bits"]),
        "throughput-bytes": float(match["bytes"]),
        **_rest(match["rest"]),
    }
    return found if match["stream"] == SUM else {**found, "stream-id": match["stream"]}


def _rest(text: str) -> Object:
    """What stands behind the rate, which depends on the protocol and on who says it."""
    if arrived := _ARRIVED.match(text):
        numbers = {name: int(arrived[name]) for name in ("sent", "lost")}
        return {**numbers, "jitter": float(arrived["jitter"])}
    if _PACKETS.search(text):
        writes = _WRITES.match(text)
        return {"sent": int(writes[1])} if writes else {}
    tcp = _TCP.match(text)
    if not tcp:
        return {}
    found: Object = {"retransmits": int(tcp["retransmits"])}
    if tcp["window"]:
        found |= {"tcp-window-size": int(tcp["window"]) * _KIBI, "rtt": int(tcp["rtt"])}
    return found


def _intervals(lines: Sequence[_Line]) -> list[Object]:
    """Streams that begin at the same time are of one interval, though they may end apart."""
    starts = sorted({line.begins for line in lines})
    return [_block([line for line in lines if line.begins == start]) for start in starts]


def _block(lines: Sequence[_Line]) -> Object:
    streams = [line.found for line in lines if line.stream != SUM]
    sums = [line.found for line in lines if line.stream == SUM]
    return {"streams": streams, "summary": sums[0] if sums else _added(streams)}


def _summary(whole: dict[str, Object], arrived: dict[str, Object]) -> Object:
    """All streams, with what the server says arrived of each, and their sum."""
    end = max(entry["end"] for entry in whole.values())
    streams = [
        _received({**entry, "end": end}, [arrived[stream]] if stream in arrived else [])
        for stream, entry in whole.items()
        if stream != SUM
    ]
    total = {**whole[SUM], "end": end} if SUM in whole else _added(streams)
    return {"streams": streams, "summary": _received(total, list(arrived.values()))}


def _received(entry: Object, reports: Sequence[Object]) -> Object:
    if not reports:
        return entry
    known = [report for report in reports if "jitter" in report]
    counts = {name: sum(report[name] for report in known) for name in ("sent", "lost") if known}
    jitter = {"jitter": max(report["jitter"] for report in known)} if known else {}
    rate = sum(report["throughput-bits"] for report in reports)
    return {**entry, **counts, **jitter, "receiver-throughput-bits": rate}


def _added(streams: Sequence[Object]) -> Object:
    """The sum of streams where iperf gives none: with one stream, or in older versions."""
    if len(streams) == 1:
        return {name: value for name, value in streams[0].items() if name != "stream-id"}
    counted = ("throughput-bits", "throughput-bytes", "sent", "retransmits")
    names = [name for name in counted if any(name in stream for stream in streams)]
    total: Object = {name: sum(stream.get(name, 0) for stream in streams) for name in names}
    times = {"start": min, "end": max}
    return {**{name: choose(s[name] for s in streams) for name, choose in times.items() if streams}, **total}


def _sizes(output: str) -> Object:
    window, mss = _WINDOW.search(output), _MSS.search(output)
    sizes = {
        "tcp-window-size": window[1] if window else None,
        "requested-tcp-window-size": window[2] if window else None,
        "mss": (mss[1] or mss[2]) if mss else None,
    }
    return {name: int(text) for name, text in sizes.items() if text}
