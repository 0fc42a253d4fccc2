"""What the attributes of queues may be."""

import json
from collections.abc import Mapping

from local.engine.engine_errors import ServiceError

LARGEST = 1 << 20
"""Bytes a message, or a batch of them, may have."""
RANGES = {
    "DelaySeconds": (0, 900, 0),
    "MaximumMessageSize": (1024, LARGEST, LARGEST),
    "MessageRetentionPeriod": (60, 1_209_600, 345_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20, 0),
    "VisibilityTimeout": (0, 43_200, 30),
}
"""Attributes that are numbers: least, greatest, and that of a queue that does not say."""
ACCEPTED = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}
"""Kept and told, of no effect in one process."""


def require_valid(attributes: Mapping[str, str]) -> None:
    """Raise ServiceError for attributes that no queue has."""
    for name, value in attributes.items():
        if name in RANGES:
            _require_number(name, value)
        elif name in {"RedrivePolicy", "RedriveAllowPolicy"}:
            _require_policy(name, value)
        elif name not in ACCEPTED and name != "FifoQueue":
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _require_number(name: str, value: str) -> None:
    least, greatest, _ = RANGES[name]
    if not (value.isascii() and value.isdigit() and least <= int(value) <= greatest):
        raise ServiceError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _require_policy(name: str, value: str) -> None:
    wrong = ServiceError("InvalidAttributeValue", f"Value {value} for parameter {name} is invalid.")
    if not value:
        return
    try:
        policy = json.loads(value)
        if name == "RedrivePolicy" and not (
            policy["deadLetterTargetArn"].startswith("arn:") and 1 <= int(policy["maxReceiveCount"]) <= 1000
        ):
            raise wrong
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise wrong from error
