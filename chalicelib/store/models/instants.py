"""Instants as PynamoDB writes them, ``2026-11-23T12:00:00.000000+0000``, in a third of the time."""

import datetime as dt

from chalicelib.domain.times import UTC


def written(instant: dt.datetime) -> str:
    """An instant as a text, which sorts as instants do."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:26]}+0000"


def moment(text: str) -> dt.datetime:
    """The same the other way round."""
    return dt.datetime.fromisoformat(f"{text[:26]}+00:00")
