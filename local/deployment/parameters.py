"""What an operator may say when a stack is made or changed, and what follows from it."""

from typing import Any

from local.deployment.alarms import MAILED
from local.deployment.functions import RESERVE
from local.deployment.resource_names import OWN_TABLES, prefix
from local.deployment.rest_api import OWN_GATEWAY_ROLE

_RETENTIONS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3653,
)


def parameters() -> dict[str, Any]:
    return {
        "AlarmEmail": _text("Who is written to when an alarm goes off or ends", r"^$|^[^@\s]+@[^@\s]+$"),
        "LogDays": {
            "Type": "Number",
            "Default": 30,
            "AllowedValues": list(_RETENTIONS),
            "Description": "Days that logs are kept",
        },
        "RequestsPerSecond": _count(50, "Requests a second that all together may make"),
        "RequestsAtOnce": _count(100, "Requests beyond that, made at once"),
        "RequestsPerSecondOfAKey": _count(10, "Requests a second of one holder of an API key"),
        "RequestsPerDayOfAKey": _count(100_000, "Requests a day of one holder of an API key"),
        "ReserveConcurrency": _choice(
            "Whether functions have their part of the account's concurrency reserved"
        ),
        "LetGatewayLog": {
            **_choice("Whether the stack lets API Gateway of this account and region write logs"),
            "Default": "yes",
        },
        "Tables": _text(
            "What the tables begin with that an earlier stack left behind; empty for new ones",
            r"^$|^[A-Za-z0-9_.-]{1,200}$",
        ),
    }


def _text(description: str, pattern: str) -> dict[str, Any]:
    return {"Type": "String", "Default": "", "AllowedPattern": pattern, "Description": description}


def _count(default: int, description: str) -> dict[str, Any]:
    return {"Type": "Number", "Default": default, "MinValue": 1, "Description": description}


def _choice(description: str) -> dict[str, Any]:
    return {"Type": "String", "Default": "no", "AllowedValues": ["yes", "no"], "Description": description}


def conditions() -> dict[str, Any]:
    return {
        OWN_TABLES: {"Fn::Equals": [{"Ref": "Tables"}, ""]},
        MAILED: {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]},
        RESERVE: {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "yes"]},
        OWN_GATEWAY_ROLE: {"Fn::Equals": [{"Ref": "LetGatewayLog"}, "yes"]},
    }


def outputs() -> dict[str, Any]:
    """What commands beside the stack want to know: ``local.keys --stage`` and the like."""
    return {
        "Prefix": {"Description": "PSCHEDULER_PREFIX", "Value": prefix()},
        "Bucket": {"Description": "PSCHEDULER_BUCKET", "Value": {"Ref": "ResultsBucket"}},
        "AlarmTopic": {"Description": "Where alarms go", "Value": {"Ref": "AlarmTopic"}},
        "LogGroup": {"Description": "The log of all functions", "Value": {"Ref": "Log"}},
        "UsagePlan": {"Description": "The plan of API keys", "Value": {"Ref": "UsagePlan"}},
        "DeadLetterQueue": {"Description": "What failed five times", "Value": {"Ref": "DeadLetterQueue"}},
    }
