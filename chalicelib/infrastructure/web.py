"""Getting pages, with an end to every one of them: in time, in size, in redirects."""

import dataclasses
import logging
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import urllib3
import urllib3.exceptions

from chalicelib.domain.errors import Unavailable
from chalicelib.infrastructure import lines

LOG = logging.getLogger(__name__)

MOST_REDIRECTS = 5
_CHUNK = 65536
_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"Accept": "application/json, text/plain, */*;q=0.1", "User-Agent": "pscheduler"}


@dataclasses.dataclass(frozen=True)
class Want:
    """A page to get: ``timeout`` in seconds for all of it, ``largest`` in bytes."""

    url: str
    timeout: float
    largest: int
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    bind: str | None = None
    verify: bool = True
    follow: bool = True
    proxy: str | None = None


def get(want: Want) -> tuple[int, str]:
    """Status and text of a page. Raises Unavailable when it cannot be had, or not in time."""
    fetch = _Fetch(want)
    fetch.start()
    return fetch.outcome()


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = lines.Plain


class _Secure(urllib3.HTTPSConnectionPool):
    ConnectionCls = lines.Secure


def _behind(proxy: str, tls: ssl.SSLContext, bound: Mapping[str, Any]) -> urllib3.ProxyManager:
    """The way through a proxy: what is connected to, and held against the guard, is the proxy's address."""
    auth = urllib3.util.parse_url(proxy).auth
    headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(auth)) if auth else None
    manager = urllib3.ProxyManager(proxy, proxy_headers=headers, ssl_context=tls, **bound)
    manager.pool_classes_by_scheme = {"http": _Plain, "https": _Secure}
    return manager


class _Fetch(threading.Thread):
    """One page under way; whoever waits for it cuts the connection when its time is up."""

    def __init__(self, want: Want):
        super().__init__(name=f"get {want.url[:60]}", daemon=True)
        self._want = want
        self._line = lines.Line()
        self._found: tuple[int, str] | Unavailable | None = None

    def outcome(self) -> tuple[int, str]:
        self.join(self._want.timeout)
        if self._found is None:
            self._line.cut()
            raise Unavailable(
                f"{_shown(self._want.url)} did not answer within {self._want.timeout:.3g} seconds"
            )
        if isinstance(self._found, Unavailable):
            raise self._found
        return self._found

    def run(self) -> None:
        lines.use(self._line)
        try:
            self._found = self._followed()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self._found = Unavailable(f"{_shown(self._want.url)} cannot be read: {_why(error)}")
        except Exception as error:  # whatever it is, somebody waits for an outcome
            LOG.exception("Getting a page broke")
            self._found = Unavailable(f"{_shown(self._want.url)} cannot be read: {type(error).__name__}")
        finally:
            self._line.let_go()

    def _followed(self) -> tuple[int, str]:
        url = _with(self._want.url, self._want.params)
        headers = {**_HEADERS, **self._want.headers}
        for _ in range(MOST_REDIRECTS + 1):
            status, text, target = self._once(url, headers)
            if not (self._want.follow and status in _REDIRECTS and target):
                return status, text
            before, url = url, urllib.parse.urljoin(url, target)
            if urllib.parse.urlsplit(before).netloc != urllib.parse.urlsplit(url).netloc:
                headers = dict(_HEADERS)  # what was for one server is not for another
        raise ValueError(f"it redirects more than {MOST_REDIRECTS} times")

    def _once(self, url: str, headers: Mapping[str, str]) -> tuple[int, str, str | None]:
        where = urllib3.util.parse_url(url)
        if where.scheme not in ("http", "https") or not where.host:
            raise ValueError("it is not an http or https URL")
        with self._opener(where) as opener:
            answer = opener.urlopen(
                "GET",
                url if self._want.proxy else where.request_uri,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=self._want.timeout,
                preload_content=False,
            )
            try:
                return answer.status, self._text(answer), answer.headers.get("Location")
            finally:
                answer.close()

    def _opener(self, where: urllib3.util.Url) -> urllib3.HTTPConnectionPool | urllib3.ProxyManager:
        bound: dict[str, Any] = {"source_address": (self._want.bind, 0)} if self._want.bind else {}
        if self._want.proxy:
            return _behind(self._want.proxy, _tls(self._want.verify), bound)
        if where.scheme == "http":
            return _Plain(str(where.host), where.port, **bound)
        return _Secure(str(where.host), where.port, ssl_context=_tls(self._want.verify), **bound)

    def _text(self, answer: urllib3.BaseHTTPResponse) -> str:
        content = bytearray()
        while chunk := answer.read(_CHUNK):
            content += chunk
            if len(content) > self._want.largest:
                raise ValueError(f"it has more than {self._want.largest} bytes")
        return content.decode(errors="replace")


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _with(url: str, params: Mapping[str, str]) -> str:
    if not params:
        return url
    base, hash_sign, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urllib.parse.urlencode(params)}{hash_sign}{fragment}"


def _shown(url: str) -> str:
    """A URL as it may be shown: without user, password and query, which may be secrets."""
    try:
        parts = urllib.parse.urlsplit(url)
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"[:200]
    except ValueError:
        return "The URL"


def _why(error: BaseException) -> str:
    """A sentence for an error that shows neither objects by their addresses nor the URL."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    inner = error.__cause__ or error.__context__
    if isinstance(inner, OSError):
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if type(error) is ValueError else type(error).__name__
