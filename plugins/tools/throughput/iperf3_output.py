"""What iperf3 prints as JSON -> the members of a throughput result (docs/contract/tools.md section 4)."""

import math
import re

from chalicelib.domain.documents import load
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

Object = dict[str, JSON]

_BEGINNING = re.compile(r"^\{", re.MULTILINE)

_NO_NUMBER = re.compile(r'("\w+"\s*:\s*)[+-]?(?:nan|inf(?:inity)?)\b', re.IGNORECASE)
"""A member that C prints where it divided by zero, which JSON has no way to say."""

_NUMBERS = {
    "start": "start",
    "end": "end",
    "bytes": "throughput-bytes",
    "bits_per_second": "throughput-bits",
    "jitter_ms": "jitter",
    "mean_rtt": "rtt",
    "rtt": "rtt",
}
_INTEGERS = {
    "packets": "sent",
    "lost_packets": "lost",
    "retransmits": "retransmits",
    "snd_cwnd": "tcp-window-size",
}


def parse(output: str) -> Object:
    """The intervals and the summary. Raises PluginFailed where iperf3 failed or has no summary."""
    return _measurement(_read(output))


def _read(output: str) -> Object:
    """The last document in the output: warnings may precede it, and clients that a server refused.

    A number that is none is left out; the others are as good as before.
    Raises PluginFailed where there is none, with what iperf3 says is wrong where it says so.
    """
    output = _NO_NUMBER.sub(r"\1null", output)
    beginnings = [match.start() for match in _BEGINNING.finditer(output)] or [output.find("{")]
    try:
        document = load(output[beginnings[-1] : output.rfind("}") + 1], "iperf3's output")
    except Invalid as error:
        raise PluginFailed(error.message) from error
    if not isinstance(document, dict):
        raise PluginFailed("iperf3's output: not an object")
    if "error" in document:
        raise PluginFailed(str(document["error"]))
    return document


def redacted(output: str) -> str:
    """The output without what it tells of this machine, for others to read."""
    return re.sub(r'("system_info"\s*:\s*)"(?:[^"\\]|\\.)*"', r'\1"(removed)"', output)


def _measurement(document: Object) -> Object:
    end = _object(document, "end")
    # With UDP, "sum" has the losses and the jitter, which are not in "sum_sent".
    total = _object(end, "sum") or _object(end, "sum_sent")
    if not total:
        raise PluginFailed("iperf3's output: there is no summary")
    received = _number(_object(end, "sum_received").get("bits_per_second"))
    summary = entry(total)
    if received is not None:
        summary["receiver-throughput-bits"] = received
    streams = [_object(stream, "udp") or _object(stream, "sender") for stream in _objects(end, "streams")]
    return {
        "intervals": [_interval(interval) for interval in _objects(document, "intervals")],
        "summary": {"streams": [entry(stream) for stream in streams], "summary": summary},
    }


def _interval(interval: Object) -> Object:
    streams = [entry(stream) for stream in _objects(interval, "streams")]
    return {"streams": streams, "summary": entry(_object(interval, "sum"))}


def entry(block: Object) -> Object:
    """What iperf3 says of one stream, or all of them, over a time, under the names of the result."""
    renamed = [(new, _number(block[old])) for old, new in _NUMBERS.items() if old in block]
    renamed += [(new, _integer(block[old])) for old, new in _INTEGERS.items() if old in block]
    found: Object = {name: value for name, value in renamed if value is not None}
    if isinstance(block.get("omitted"), bool):
        found["omitted"] = block["omitted"]
    socket = block.get("socket")
    if isinstance(socket, str) or _integer(socket) is not None:
        found["stream-id"] = socket
    return found


def _object(value: Object, name: str) -> Object:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _objects(value: Object, name: str) -> list[Object]:
    found = value.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _number(value: JSON) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: JSON) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == math.floor(number) else None
