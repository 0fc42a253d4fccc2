"""prometheus: writes the numbers of results to Prometheus, or what takes its remote write.

An addition to the contract; needs the package cramjam, which is not among what Lambda's functions bring.
"""

import re
from collections.abc import Mapping

from chalicelib.domain import metrics
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import closed
from chalicelib.domain.times import EPOCH
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import remote_write, urls
from plugins.support.measurements import Measured, Measurement, measured
from plugins.support.web_answers import outcome_of

MISSING = "The package cramjam, which compresses what is sent, is not installed on this node"

SUFFIXES = {metrics.MILLISECONDS: "_milliseconds", metrics.SECONDS: "_seconds", metrics.DAYS: "_days"}
"""What the units add to a name; others are in the name already, or none."""

_LABEL = {"type": "string", "maxLength": 200}
_VERSION = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


def deliver(parcel: Parcel) -> Outcome:
    """Send each number as a sample at the run's end. What the server calls bad is a failure for good."""
    try:
        from cramjam import snappy
    except ImportError:
        return Outcome(False, MISSING)
    try:
        content = remote_write.write_request(samples(measured(parcel), parcel.data.get("labels", {})))
    except Invalid as error:
        return Outcome(False, error.message)
    compressed = bytes(snappy.compress_raw(content))
    post = urls.post(parcel.data, compressed, "application/x-protobuf", **_VERSION)
    return outcome_of(parcel, post, lambda reply: None)


def samples(found: Measured, labels: Mapping[str, str]) -> list[tuple[str, Mapping[str, str], float, int]]:
    """The measurements as (name, labels, value, milliseconds since 1970)."""
    when = int((found.end - EPOCH).total_seconds() * 1000)
    return [(name_of(each), {**labels, **found.labels}, each.value, when) for each in found.measurements]


def name_of(each: Measurement) -> str:
    """A name as Prometheus takes it: ``perfsonar_rtt_mean_milliseconds``."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", each.name) + SUFFIXES.get(each.unit, "")


ARCHIVER = Archiver(
    name="prometheus",
    description="Write the numbers of results to Prometheus",
    data={
        1: closed(
            {
                **urls.SETTINGS,
                "labels": {
                    "type": "object",
                    "maxProperties": 20,
                    "propertyNames": {"pattern": r"^[a-zA-Z][a-zA-Z0-9_]*\Z"},
                    "additionalProperties": _LABEL,
                },
            },
            required=("_url",),
        )
    },
    deliver=deliver,
    check=urls.check,
)
