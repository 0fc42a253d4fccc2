"""s3: puts results into a bucket, an object each (an addition to the contract)."""

import json
import re

from chalicelib.domain.schemas import JSON, closed
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import aws_client

UNKNOWN = "unknown"


def deliver(parcel: Parcel) -> Outcome:
    """Put the result where its key says; the same delivery has the same key, so that twice is once."""
    arguments = {
        "Bucket": parcel.data["bucket"],
        "Key": key_of(parcel),
        "Body": json.dumps(parcel.result).encode(),
        "ContentType": "application/json",
    }
    return aws_client.deliver(parcel, "s3", "put_object", arguments)


def key_of(parcel: Parcel) -> str:
    """``<prefix><year>/<month>/<day>/<test>/<run>.json``, by the start of the run in UTC."""
    result = parcel.result if isinstance(parcel.result, dict) else {}
    date = re.match(r"(\d{4})-(\d\d)-(\d\d)", str(_member(result, "schedule", "start")))
    day = "/".join(date.groups()) if date else UNKNOWN
    test = re.sub(r"[^A-Za-z0-9_-]", "-", str(_member(result, "test", "type") or UNKNOWN))[:50]
    run = re.sub(r"[^A-Za-z0-9-]", "-", str(result.get("id") or parcel.delivery))[:50]
    return f"{parcel.data.get('prefix', '')}{day}/{test}/{run}.json"


def _member(result: JSON, outer: str, inner: str) -> JSON:
    found = result.get(outer)
    return found.get(inner) if isinstance(found, dict) else None


ARCHIVER = Archiver(
    name="s3",
    description="Put results into a bucket of S3",
    data={
        1: closed(
            {
                **aws_client.SETTINGS,
                "bucket": {"type": "string", "pattern": r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]\Z"},
                "prefix": {"type": "string", "maxLength": 500, "pattern": r"^[A-Za-z0-9!_.*'()/\-]*\Z"},
            },
            required=(*aws_client.REQUIRED, "bucket"),
        )
    },
    deliver=deliver,
)
