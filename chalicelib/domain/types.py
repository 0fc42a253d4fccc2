"""The dictionary of JSON types that specs, results and tasks are made of (docs/contract/types.md).

Each entry is a JSON Schema (draft 7) fragment; composite types hold the fragments they use, so a
fragment can be put anywhere as it is. Patterns end in ``\\Z``, because ``$`` would let a final newline
through, and say ``[0-9]``, because ``\\d`` knows more digits.
"""

from chalicelib.domain.network_types import NETWORK_TYPES, SNMP_TYPES
from chalicelib.domain.schemas import JSON, MESSAGE, closed, integer, pattern

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_CLOCK_PART = rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
# A bare P is no duration to anything that reads one.
_DURATION = rf"P(?!\Z)(?:{_NUMBER}W)?(?:{_NUMBER}D)?{_CLOCK_PART}"
_CALENDAR_DURATION = rf"P(?!\Z)(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?{_CLOCK_PART}"

_MONTH, _DAY = "(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])"
_WEEK = "(?:0[1-9]|[1-4][0-9]|5[0-3])"
_ORDINAL_DAY = "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3(?:[0-5][0-9]|6[0-6]))"
_DATE = f"(?:-{_MONTH}(?:-{_DAY})?|{_MONTH}{_DAY}|-?W{_WEEK}(?:-?[1-7])?|-?{_ORDINAL_DAY})"
_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_TIME = rf"(?:{_HOUR}(?::{_SIXTY}(?::{_SIXTY})?|{_SIXTY}(?:{_SIXTY})?)?|24:?00)(?:[.,][0-9]+)?"
_ZONE = f"(?:[zZ]|[+-]{_HOUR}:?(?:{_SIXTY})?)"
_TIMESTAMP = f"[+-]?[0-9]{{4}}(?:{_DATE}(?:[T ](?:{_TIME})?(?:{_ZONE})?)?)?"

_DEGREES = r"(?:[0-9]{2}(?:[0-9]{2})?)?(?:\.[0-9]+)?"
_HEX = "[0-9A-Fa-f]"
_SI = rf"{_NUMBER}(?:\s*[KMGTPEZYkmgtpezy][iI]?)?"
_SI_MESSAGE = "{value!r} is not a number with an optional SI suffix such as 10k"


def _cron_field(value: str) -> str:
    part = f"(?:{value})(?:-(?:{value}))?"
    return rf"(?:\*|{part}(?:,{part})*)"


_CRON = r"\s+".join(
    _cron_field(value)
    for value in (
        "0?[0-9]|[1-5][0-9]",  # minute
        "0?[0-9]|1[0-9]|2[0-3]",  # hour
        "0?[1-9]|[12][0-9]|3[01]",  # day of the month
        "0?[1-9]|1[0-2]",  # month
        "[0-6]",  # day of the week, Sunday first
    )
)

_NUMBERS: dict[str, dict[str, JSON]] = {
    "Integer": integer(),
    "Number": {"type": "number"},
    "Float": {"type": "number"},
    "Cardinal": integer(1),
    "CardinalZero": integer(0),
    **{f"Int{bits}": integer(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UInt{bits}": integer(0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    "Probability": {"type": "number", "minimum": 0, "maximum": 1},
    # A pattern looks at strings only, so these need no anyOf, whose complaints say little.
    "SINumber": {"type": ["integer", "string"], "pattern": rf"^{_SI}\Z", MESSAGE: _SI_MESSAGE},
    "Numeric": {"type": ["number", "string"], "pattern": rf"^{_SI}\Z", MESSAGE: _SI_MESSAGE},
}

_STRINGS: dict[str, dict[str, JSON]] = {
    "String": {"type": "string"},
    "StringNull": {"type": ["string", "null"]},
    "Email": {"type": "string", "format": "email", MESSAGE: "{value!r} is not an e-mail address"},
    "UUID": pattern(rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}", "{value!r} is not a UUID"),
    "Version": pattern(
        r"[0-9]+(?:\.[0-9]+)*(?:[A-Za-z+-][A-Za-z0-9+-]*)?", "{value!r} is not a version number"
    ),
    "GeographicPosition": pattern(
        rf"[+-][0-9]{{2}}{_DEGREES}[+-][0-9]{{3}}{_DEGREES}(?:[+-]{_NUMBER})?",
        "{value!r} is not an ISO 6709 position such as +4021.5-07400.25",
    ),
}

_TIMES: dict[str, dict[str, JSON]] = {
    "Duration": pattern(
        _DURATION, "{value!r} is not an ISO 8601 duration such as PT30S, without years or months"
    ),
    "Timestamp": pattern(
        _TIMESTAMP, "{value!r} is not an ISO 8601 date and time such as 2026-11-23T12:00:00Z"
    ),
    "TimestampAbsoluteRelative": pattern(
        rf"(?:{_TIMESTAMP}|{_DURATION}|@(?:R[0-9]*/)?{_CALENDAR_DURATION})",
        "{value!r} is not an ISO 8601 date and time, a duration from now such as PT5M, "
        "or an interval to align with such as @PT1H",
    ),
    "POSIXCronSpecification": pattern(
        _CRON, '{value!r} is not five cron fields such as "0,30 8-17 * * 1-5", without steps or names'
    ),
}

_SIMPLE: dict[str, dict[str, JSON]] = {
    "AnyJSON": {},
    "Array": {"type": "array"},
    "Boolean": {"type": "boolean"},
    **_NUMBERS,
    **_STRINGS,
    **_TIMES,
    **NETWORK_TYPES,
    **SNMP_TYPES,
}


def _list(kind: str) -> dict[str, JSON]:
    return {"type": "array", "items": _SIMPLE[kind]}


def _object(required: str = "", **members: str | dict[str, JSON]) -> dict[str, JSON]:
    """A closed object; members are types by name or outright, an underscore meaning a hyphen."""
    properties = {
        name.replace("_", "-"): _SIMPLE[kind] if isinstance(kind, str) else kind
        for name, kind in members.items()
    }
    return closed(properties, tuple(required.split()))


_RETRY = _object("attempts wait", attempts="Cardinal", wait="Duration")

TYPES: dict[str, dict[str, JSON]] = {
    **_SIMPLE,
    **{
        f"{kind}Range": _object("lower upper", lower=kind, upper=kind)
        for kind in ("Cardinal", "CardinalZero", "Duration", "IPPort", "Numeric", "Probability", "SINumber")
    },
    **{f"{kind}List": _list(kind) for kind in ("Cardinal", "CardinalZero", "String")},
    "TimeRange": _object(start="Timestamp", end="Timestamp"),
    "AS": _object("number", number="Cardinal", owner="String"),
    "ClockState": _object(
        "time synchronized",
        time="Timestamp",
        synchronized="Boolean",
        source="String",
        reference="String",
        offset="Number",
    ),
    "Maintainer": _object("name", name="String", email="Email", href="URL"),
    "NameVersion": _object("name version", name="String", version="Version"),
    "RetryPolicyEntry": _RETRY,
    "RetryPolicy": {"type": "array", "items": _RETRY},
    "JQTransformSpecification": _object(
        "script",
        script={"type": ["string", "array"], "items": _SIMPLE["String"]},
        output_raw="Boolean",
        args="AnyJSON",
    ),
    "StringMatch": _object(
        "style match",
        style={"enum": ["exact", "contains", "regex"]},
        match="String",
        case_insensitive="Boolean",
        invert="Boolean",
    ),
    "EnumMatch": _object(
        "enumeration",
        enumeration={"type": "array", "items": {"type": ["string", "number"]}},
        invert="Boolean",
    ),
    "TestSpecification": _object("type spec", type="String", spec="AnyJSON"),
}


def type_schema(kind: str | dict[str, JSON]) -> dict[str, JSON]:
    """The fragment of a type given by its name in the dictionary, or given outright."""
    return TYPES[kind] if isinstance(kind, str) else kind
