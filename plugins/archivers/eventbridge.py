"""eventbridge: sends results to an event bus of EventBridge (an addition to the contract)."""

import json

from chalicelib.domain.schemas import closed
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import aws_client

LARGEST = 256 * 1024
"""Bytes that EventBridge lets an entry have."""
SOURCE, DETAIL_TYPE = "pscheduler", "pScheduler Run Result"


def deliver(parcel: Parcel) -> Outcome:
    """Send the result as the detail of an event, whose ``resources`` name the delivery to drop doubles by."""
    detail = json.dumps(parcel.result if isinstance(parcel.result, dict) else {"result": parcel.result})
    entry = {
        "Source": parcel.data.get("source", SOURCE),
        "DetailType": parcel.data.get("detail-type", DETAIL_TYPE),
        "Detail": detail,
        "EventBusName": parcel.data.get("bus", "default"),
        "Resources": [parcel.delivery],
    }
    if sum(len(str(value).encode()) for value in entry.values()) > LARGEST:
        return Outcome(False, f"The result is larger than the {LARGEST} bytes that an event can have")
    return aws_client.deliver(parcel, "events", "put_events", {"Entries": [entry]})


ARCHIVER = Archiver(
    name="eventbridge",
    label="EventBridge",
    description="Send results to an event bus of EventBridge",
    data={
        1: closed(
            {
                **aws_client.SETTINGS,
                "bus": {"type": "string", "pattern": r"^[A-Za-z0-9/_.:\-]{1,400}\Z"},
                "source": {"type": "string", "pattern": r"^(?!aws\.)[A-Za-z0-9_.\-]{1,256}\Z"},
                "detail-type": {"type": "string", "minLength": 1, "maxLength": 128},
            },
            required=aws_client.REQUIRED,
        )
    },
    deliver=deliver,
)
