"""URLs and headers that are asked with: what they must be to be sent at all."""

import base64
import re
import urllib.parse
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, MESSAGE
from chalicelib.domain.types import TYPES
from plugins.support import web_posts

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


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for settings whose URL nothing can be sent to, never showing it."""
    wrong = problem(data["_url"])
    if wrong:
        raise Invalid(wrong, "/_url")


def without_user(url: str) -> tuple[str, dict[str, str]]:
    """A URL without the user and password in it, and the header of Basic authorization they amount to."""
    parts = urllib.parse.urlsplit(url)
    before, at, place = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = before.partition(":")
    credentials = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    encoded = base64.b64encode(credentials.encode()).decode()
    return parts._replace(netloc=place).geturl(), {"Authorization": f"Basic {encoded}"}


def headers(given: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Headers given over our own, in any case; one given empty is not sent."""
    there = {name.lower() for name in given}
    kept = {name: value for name, value in own.items() if name.lower() not in there}
    return {**kept, **{name: value for name, value in given.items() if value}}


SETTINGS: dict[str, JSON] = {
    "schema": TYPES["Cardinal"],
    "_url": TYPES["URL"],
    "_headers": HEADERS,
    "verify-ssl": TYPES["Boolean"],
    "timeout": TYPES["Duration"],
    "retry-policy": TYPES["RetryPolicy"],
}
"""What an archiver that posts to a web server is told; certificates are checked unless it says otherwise."""


def post(data: Mapping[str, JSON], content: bytes, kind: str, **own: str) -> web_posts.Post:
    """The request that such settings describe, of a content of that media type."""
    url, credentials = without_user(data["_url"])
    made = {"Content-Type": kind, **credentials, **own}
    return web_posts.Post(
        url,
        content,
        headers(data.get("_headers", {}), made),
        seconds=web_posts.patience(data),
        verify=data.get("verify-ssl", True),
    )
