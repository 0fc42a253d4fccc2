"""Between whom a test measures, as its spec says: the ends of a path in series, archives and pages."""

import urllib.parse
from collections.abc import Mapping, Sequence

from chalicelib.domain.schemas import JSON

LONGEST_LABEL = 200
_FROM = ("source", "source-node", "host", "host-node")
_TO = ("dest", "dest-node", "url", "nameserver", "network", "query")


def endpoints(spec: Mapping[str, JSON], participants: Sequence[str | None]) -> tuple[str, str]:
    """The source and the destination of a test; where it has no destination, that is empty.

    The source is the host measured from, before the node that does it; where the spec names none it is the
    first participant. One that is reversed measures the way back.
    """
    first = next((name for name in participants if name), "")
    source = next((_host(spec[member]) for member in _FROM if member in spec), first) or first
    destination = next((_host(spec[member]) for member in _TO if member in spec), "")
    return (destination, source) if spec.get("reverse") is True and destination else (source, destination)


def label_of(reference: JSON) -> str:
    """What the task's owner calls the path: pSConfig leaves that in the reference."""
    if not isinstance(reference, dict):
        return ""
    found = reference.get("display-task-name", reference.get("label"))
    return found[:LONGEST_LABEL] if isinstance(found, str) else ""


def _host(value: JSON) -> str:
    """The host that a member names: itself, that of a URL, or the first of several."""
    if isinstance(value, list):
        return _host(value[0]) if value else ""
    text = str(value)
    if "://" not in text:
        return text
    try:
        return urllib.parse.urlsplit(text).hostname or ""
    except ValueError:
        return ""
