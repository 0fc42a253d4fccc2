"""URLs and headers that are asked with: what they must be to be sent at all."""

import re
import urllib.parse

from chalicelib.domain.schemas import JSON, MESSAGE

PORTS = {"http": 80, "https": 443}

_UNFIT = re.compile(r"[\x00-\x20\x7f]")

NAMES: dict[str, JSON] = {
    "pattern": r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z",  # a token (RFC 9110 section 5.6.2)
    MESSAGE: "{value!r} is not the name of a header",
}
VALUES: dict[str, JSON] = {
    "type": "string",
    "pattern": r"^[\t\x20-\x7e\xa0-\xff]*\Z",  # field-content (RFC 9110 section 5.5)
    MESSAGE: "must be text of ISO 8859-1 without line breaks and control characters, as headers are",
}
HEADERS: dict[str, JSON] = {"type": "object", "propertyNames": NAMES, "additionalProperties": VALUES}


def problem(url: str) -> str | None:
    """Why a URL cannot be asked for over HTTP, without showing it; None when it can."""
    if _UNFIT.search(url):
        return "must not have spaces, line breaks or control characters"
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "must be a URL such as https://www.example.org/results"
    if parts.scheme not in PORTS:
        return "must be a URL of http or https"
    return None if host and port != 0 else "must name a host"
