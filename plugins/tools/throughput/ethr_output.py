"""What ethr prints -> the members of a throughput result (docs/contract/tools.md section 4).

A line a second and stream, and one for their sum where there are several; nothing for the whole. So
the whole is the mean over the seconds that count.
"""

import re
from collections.abc import Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

Object = dict[str, JSON]

SUM = "SUM"
_LINE = re.compile(
    r"^\[ *(?P<stream>\d{1,9}|SUM)\] +(?:TCP|UDP) +(?P<start>\d{1,9})-(?P<end>\d{1,9}) sec"
    r" +(?P<rate>\d{1,18}(?:\.\d{1,9})?)(?P<unit>[KMGT]?) *$"
)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parse(output: str, omit: int) -> Object:
    """The intervals and the summary; the first ``omit`` seconds do not count.

    Raises PluginFailed where no second is left.
    """
    entries = [_entry(match, omit) for match in map(_LINE.match, output.splitlines()) if match]
    starts = sorted({entry["start"] for entry in entries})
    intervals = [_block([entry for entry in entries if entry["start"] == start]) for start in starts]
    counted = [interval for interval in intervals if not interval["summary"]["omitted"]]
    if not counted:
        raise PluginFailed("ethr printed no figures", output)
    streams: dict[JSON, list[Object]] = {}
    for interval in counted:
        for stream in interval["streams"]:
            streams.setdefault(stream["stream-id"], []).append(stream)
    return {
        "intervals": intervals,
        "summary": {
            "streams": [{"stream-id": name, **_mean(found, counted)} for name, found in streams.items()],
            "summary": _mean([interval["summary"] for interval in counted], counted),
        },
    }


def _entry(match: "re.Match[str]", omit: int) -> Object:
    start, end = int(match["start"]), int(match["end"])
    found: Object = {
        "start": start,
        "end": end,
        "omitted": end <= omit,
        **_rates(float(match["rate"]) * _UNITS[match["unit"]]),
    }
    return found if match["stream"] == SUM else {**found, "stream-id": int(match["stream"])}


def _rates(bits: float) -> Object:
    """Of a second: so many bits a second are as many in all."""
    return {"throughput-bits": bits, "throughput-bytes": bits / 8}


def _block(entries: Sequence[Object]) -> Object:
    """One second of all streams."""
    streams = [entry for entry in entries if "stream-id" in entry]
    sums = [entry for entry in entries if "stream-id" not in entry]
    if sums:
        return {"streams": streams, "summary": sums[0]}
    total = sum(entry["throughput-bits"] for entry in streams)
    times = {name: streams[0][name] for name in ("start", "end", "omitted")}
    return {"streams": streams, "summary": {**times, **_rates(total)}}


def _mean(entries: Sequence[Object], counted: Sequence[Object]) -> Object:
    """The mean over all seconds that count: one in which a stream says nothing had nothing of it."""
    times = {"start": counted[0]["summary"]["start"], "end": counted[-1]["summary"]["end"]}
    bits = sum(entry["throughput-bits"] for entry in entries)
    return {**times, "throughput-bits": bits / len(counted), "throughput-bytes": bits / 8}
