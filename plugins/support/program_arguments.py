"""Values as the programs that tools run read them on their command lines."""

import datetime as dt

from chalicelib.domain.schemas import JSON


def number(value: JSON) -> str:
    """A value: 5.0, which JSON Schema takes for an integer, as 5."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def seconds(duration: dt.timedelta) -> str:
    """A duration in seconds: 1.5, 2."""
    return f"{duration.total_seconds():.6f}".rstrip("0").rstrip(".")
