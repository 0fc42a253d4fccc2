"""A result as measurements for stores of metrics: what was measured, of what, when.

The names are of OpenTelemetry's kind, ``perfsonar.rtt.mean``. Texts are left out, and so is what cannot be
believed; every run leaves at least whether it succeeded, so that a gap is never silent.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from chalicelib.domain import metrics
from chalicelib.domain.endpoints import endpoints, label_of
from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import parse_duration, parse_timestamp
from plugins.sdk.jobs import Parcel

SUCCEEDED = "perfsonar.run.succeeded"
_RENAMED = {"loss.ratio": "packet.loss.ratio"}


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A number with its unit, one of those of ``domain/metrics.py``."""

    name: str
    value: float
    unit: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a run gave: its numbers, what they are of, and the time they are for, which is the run's end."""

    measurements: tuple[Measurement, ...]
    labels: Mapping[str, str]
    start: dt.datetime
    end: dt.datetime


def measured(parcel: Parcel) -> Measured:
    """The measurements of a delivery.

    Raises Invalid where the document is not that of a run, as a transform may have made of it.
    """
    document = parcel.result
    try:
        start = parse_timestamp(document["schedule"]["start"])
        end = start + parse_duration(document["schedule"]["duration"])
        source, dest = endpoints(document["test"]["spec"], document["participants"])
        labels = {
            "test": str(document["test"]["type"]),
            "tool": str(document["tool"]["name"]),
            "source": source,
            "destination": dest,
            "label": label_of(document.get("reference")),
        }
        succeeded = isinstance(document["result"], dict) and document["result"].get("succeeded", True) is True
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid("must be the document of a run: this archiver takes no transform", "/result") from error
    found = [Measurement(SUCCEEDED, float(succeeded), metrics.FLAG)]
    found += [
        Measurement(f"perfsonar.{_RENAMED.get(each.name, each.name)}", float(each.value), each.unit)
        for each in parcel.metrics
        if each.reliable and each.unit != metrics.TEXT
    ]
    return Measured(tuple(found), labels, start, end)
