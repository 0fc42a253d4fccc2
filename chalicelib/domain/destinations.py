"""Where an archive's settings lead, as the name of a lane: what goes to one place holds up nothing else.

The name says nothing of the settings, which may be private.
"""

import hashlib
import json
import urllib.parse
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON

_URLS = ("_url", "url", "endpoint")
_HOSTS = ("host", "dest", "server")


def lane(archiver: str, data: JSON) -> str:
    """32 characters that are the same for all archives of a kind that lead to the same place."""
    return hashlib.sha256(f"{archiver} {destination(data)}".encode()).hexdigest()[:32]


def destination(data: JSON) -> str:
    """The host and port that settings name; for those that name none as such, all of the settings."""
    members: Mapping[str, JSON] = data if isinstance(data, dict) else {}
    for name in _URLS:
        if isinstance(members.get(name), str) and (place := _place(members[name])):
            return place
    for name in _HOSTS:
        if isinstance(members.get(name), str):
            return f"{members[name].lower().rstrip('.')}:{members.get('port', '')}"
    return json.dumps(data, sort_keys=True)


def _place(url: str) -> str | None:
    try:
        parts = urllib.parse.urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}" if parts.hostname else None
    except ValueError:
        return None
