"""How an agent's requests get to its coordinator: URL, TLS, proxy, compression, bounds of time and size.

Every request has an end, in time and in size; TLS is verified.
"""

import contextlib
import gzip
import ipaddress
import json
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import urllib3
import urllib3.exceptions

from agent.failures import Later, Oversized
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON

LARGEST_ANSWER = 16 * 2**20
"""Bytes of an answer, decompressed."""
LARGEST_REQUEST = 8 * 2**20
"""Bytes of a body before it is compressed; results are bounded far below."""
COMPRESSED_FROM = 1400
"""Bytes from which a body is compressed: a smaller one travels in one packet."""
_CHUNK = 65536


def coordinator_url(text: str) -> str:
    """A coordinator's URL without a slash at the end. Raises Invalid for one that is none, or is not TLS.

    Plain HTTP would show the secret to everybody on the way: on loopback there is nobody.
    """
    try:
        parts = urllib.parse.urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(f"{text!r} is not a URL: {error}") from error
    if (
        parts.scheme not in ("https", "http")
        or not host
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise Invalid(f"{text!r} is not a URL such as https://coordinator.example.org/pscheduler")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Invalid(f"{text!r} is not https: agents speak plain HTTP with loopback only")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Transport:
    """Connections to one coordinator. Safe for threads."""

    def __init__(self, url: str, authority: str | None = None):
        """``authority`` is a PEM file trusted besides the system's. Raises Invalid if it cannot be read."""
        self._connections = _connections(url, _trust(authority))

    def close(self) -> None:
        """Hang up."""
        self._connections.clear()

    def exchange(
        self, method: str, url: str, body: JSON, headers: Mapping[str, str], seconds: float
    ) -> tuple[int, bytes]:
        """Status and body of an answer. Raises Later where there is none, or none in time."""
        content, more = _content(body)
        until = time.monotonic() + seconds
        try:
            answer = self._connections.request(
                method,
                url,
                body=content,
                headers={**headers, **more, "Accept-Encoding": "gzip"},
                timeout=urllib3.Timeout(total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with contextlib.closing(answer):
                return answer.status, _read(answer, until)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Later(f"The coordinator does not answer: {_why(error)}") from error


def _trust(authority: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        try:
            context.load_verify_locations(cafile=authority)
        except OSError as error:
            raise Invalid(f"The file {authority} holds no certificates that can be read: {error}") from error
    return context


def _connections(url: str, trust: ssl.SSLContext) -> urllib3.PoolManager:
    """Connections to the coordinator, through the proxy that the environment names, if it names one."""
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    many: dict[str, Any] = {"ssl_context": trust, "maxsize": 8, "block": False}
    if not proxy or _is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc):
        return urllib3.PoolManager(**many)
    user = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(user)) if user else None
    return urllib3.ProxyManager(proxy, proxy_headers=headers, **many)


def _content(body: JSON) -> tuple[bytes | None, dict[str, str]]:
    """A body as it is sent, with the headers that say how. Raises Oversized."""
    if body is None:
        return None, {}
    content = json.dumps(body, separators=(",", ":")).encode()
    if len(content) > LARGEST_REQUEST:
        raise Oversized(f"It has {len(content)} bytes; an agent sends at most {LARGEST_REQUEST}")
    headers = {"Content-Type": "application/json"}
    if len(content) < COMPRESSED_FROM:
        return content, headers
    return gzip.compress(content, 5), {**headers, "Content-Encoding": "gzip"}


def _read(answer: urllib3.BaseHTTPResponse, until: float) -> bytes:
    content = bytearray()
    while chunk := answer.read(_CHUNK, decode_content=True):
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise Later(f"The coordinator's answer has more than {LARGEST_ANSWER} bytes")
        if time.monotonic() > until:
            raise Later("The coordinator's answer does not end")
    return bytes(content)


def _why(error: BaseException) -> str:
    """The end of a sentence for an error that shows neither objects by their addresses nor URLs."""
    if isinstance(error, urllib3.exceptions.MaxRetryError | urllib3.exceptions.ProxyError):
        error = getattr(error, "reason", None) or getattr(error, "original_error", None) or error
    if isinstance(error, urllib3.exceptions.SSLError):
        return str(error.args[0] if error.args else error)
    for each in (error, error.__cause__, error.__context__):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return "not in time" if isinstance(error, urllib3.exceptions.TimeoutError) else type(error).__name__
