"""What nuttcp prints -> the members of a throughput result (docs/contract/tools.md section 4).

A line an interval, and one for the whole, which also has the load of the processors; streams are not
told apart, so there is one, with the identifier 1.
"""

import re

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

Object = dict[str, JSON]

STREAM = 1
_NUMBER = r"\d{1,18}(?:\.\d{1,9})?"
_LINE = re.compile(
    rf"^ *(?P<megabytes>{_NUMBER}) MB / *(?P<seconds>{_NUMBER}) sec ="
    rf" *(?P<rate>{_NUMBER}) (?P<unit>[KMGT]?)bps(?P<rest>.*)$"
)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SIZES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
_WHOLE = re.compile(r"\d %TX\b")
_RETRANSMITS = re.compile(r"\b(\d{1,18}) retrans\b")
_WINDOW = re.compile(r"\b(\d{1,18}) ([KMG]?)B-cwnd\b")
_RTT = re.compile(rf"\b({_NUMBER}) msRTT\b")
_DROPS = re.compile(r"\b(\d{1,18}) */ *(\d{1,18}) ~?drop/pkt\b")
_JITTER = re.compile(rf"\b({_NUMBER}) ms(?:Max|Avg)?Jitter\b")


def parse(output: str) -> Object:
    """The intervals and the summary. Raises PluginFailed where the line for the whole is missing."""
    matches = [match for match in map(_LINE.match, output.splitlines()) if match]
    wholes = [match for match in matches if _WHOLE.search(match["rest"])]
    if not wholes:
        raise PluginFailed("nuttcp printed no summary", output)
    intervals, reached = [], 0.0
    for match in matches:
        if match in wholes:
            continue
        entry = _entry(match, reached)
        reached = entry["end"]
        intervals.append(_block(entry))
    return {"intervals": intervals, "summary": _block(_entry(wholes[-1], 0.0))}


def _block(entry: Object) -> Object:
    return {"streams": [entry], "summary": {name: entry[name] for name in entry if name != "stream-id"}}


def _entry(match: "re.Match[str]", start: float) -> Object:
    """What a line says; lines tell how long an interval was, and not when."""
    return {
        "stream-id": STREAM,
        "start": start,
        "end": round(start + float(match["seconds"]), 2),
        "throughput-bits": float(match["rate"]) * _UNITS[match["unit"]],
        "throughput-bytes": round(float(match["megabytes"]) * 2**20),
        **_rest(match["rest"]),
    }


def _rest(text: str) -> Object:
    """What stands behind the rate; each version and each protocol leaves other parts away."""
    found: Object = {}
    if retransmits := _RETRANSMITS.search(text):
        found["retransmits"] = int(retransmits[1])
    if window := _WINDOW.search(text):
        found["tcp-window-size"] = int(window[1]) * _SIZES[window[2]]
    if rtt := _RTT.search(text):
        found["rtt"] = float(rtt[1]) * 1000  # in microseconds, as iperf has it
    if drops := _DROPS.search(text):
        found |= {"lost": int(drops[1]), "sent": int(drops[2])}
    if jitter := _JITTER.search(text):
        found["jitter"] = float(jitter[1])
    return found
