"""What the tools of latency and latencybg have in common: their result, and how long they plan for."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import LONGEST_DURATION
from plugins.sdk.fields import Spec
from plugins.sdk.test import Result
from plugins.support import host_lookup

BUCKET_WIDTH = 0.001
"""Seconds of a bucket; the keys of the histogram are milliseconds then."""


@dataclasses.dataclass(frozen=True)
class Packet:
    """One packet on its way: seconds it took, None when it was lost, and the TTL it arrived with.

    ``clock_error`` is by how many seconds the clocks of both ends may be off, where they say.
    """

    seq: int
    delay: Decimal | None
    ttl: int | None = None
    clock_error: float | None = None


def summary(packets: Sequence[Packet], bucket_width: float = BUCKET_WIDTH) -> dict[str, JSON]:
    """The counters and histograms of a latency result, of packets in the order they arrived in.

    A packet that arrives again is a duplicate and counts for nothing else; one after a later one is
    reordered. ``max-clock-error`` is in milliseconds, and absent when no packet has one.
    """
    arrived = [packet for packet in packets if packet.delay is not None]
    firsts = _first_of_each(arrived)
    errors = [packet.clock_error for packet in firsts if packet.clock_error is not None]
    lost = len(packets) - len(arrived)
    return {
        "packets-sent": len(firsts) + lost,
        "packets-received": len(firsts),
        "packets-lost": lost,
        "packets-duplicated": len(arrived) - len(firsts),
        "packets-reordered": sum(_is_late(firsts, number) for number in range(1, len(firsts))),
        "histogram-latency": _counted(
            label(packet.delay, bucket_width) for packet in firsts if packet.delay is not None
        ),
        "histogram-ttl": _counted(str(packet.ttl) for packet in firsts if packet.ttl is not None),
        **({"max-clock-error": round(max(errors) * 1000, 2)} if errors else {}),
    }


def _first_of_each(arrived: Iterable[Packet]) -> list[Packet]:
    found: dict[int, Packet] = {}
    for packet in arrived:
        found.setdefault(packet.seq, packet)
    return list(found.values())


def _is_late(packets: Sequence[Packet], number: int) -> bool:
    return packets[number].seq < packets[number - 1].seq


def label(delay: Decimal, bucket_width: float) -> str:
    """The bucket of a delay in seconds: how many widths it is, to two decimals
    (docs/contract/tools.md section 5)."""
    text = f"{delay / Decimal(str(bucket_width)):.2f}"
    return "0.00" if text == "-0.00" else text


def _counted(labels: Iterable[str]) -> dict[str, JSON]:
    counts: dict[str, JSON] = {}
    for text in labels:
        counts[text] = counts.get(text, 0) + 1
    return counts


def ends(spec: Spec) -> tuple[str | None, str]:
    """The addresses of the end that measures, None where any will do, and of the other end.

    With ``flip`` it is the destination that measures. Raises PluginFailed where there are none.
    """
    near, far = (spec["dest"], spec["source"]) if spec.get("flip") else (spec.get("source"), spec["dest"])
    port = int(spec["ctrl-port"]) if "ctrl-port" in spec else None
    found = host_lookup.ends(near, far, spec.get("ip-version"), port)
    return found.source, found.dest


def measures_way_back(spec: Spec) -> bool:
    """Whether the way from the far end is what is asked of a tool that measures both ways.

    With ``flip`` the far end is the source; ``reverse`` asks for the way from the destination.
    """
    return bool(spec.get("flip")) is not bool(spec.get("reverse"))


def setting(spec: Spec, name: str, default: float) -> Decimal:
    """A member that is a number, exactly."""
    return Decimal(str(spec.get(name, default)))


def plain(number: Decimal) -> str:
    """A number without an exponent, which not every program reads, and without needless zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def planned(seconds: Decimal | int) -> dt.timedelta:
    """A time to plan for. Raises Invalid for one beyond a century."""
    if seconds > int(LONGEST_DURATION.total_seconds()):
        raise Invalid("So many packets at this interval would take longer than a century")
    return dt.timedelta(seconds=float(seconds))


def merge(spec: Spec, results: Sequence[JSON]) -> Result:
    """The result of the one that measured; of two, that of the end that does
    (docs/contract/tools.md section 5).

    A failure keeps its error and its diagnostics.
    """
    usable = [result if isinstance(result, dict) else {} for result in results]
    if len(usable) == 2 and all(result.get("succeeded") is True for result in usable):
        return usable[1 if spec.get("flip") else 0]
    if len(usable) == 1 and usable[0].get("succeeded") is True:
        return usable[0]
    texts = {name: usable[0].get(name) for name in ("error", "diags")} if len(usable) == 1 else {}
    return {"succeeded": False, **{name: text for name, text in texts.items() if isinstance(text, str)}}
