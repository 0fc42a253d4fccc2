"""What an agent says to its coordinator: a method for each request of docs/agent-protocol.md.

Every request has an end, in time and in size; TLS is verified. What goes wrong is one of five errors:

    Unanswered
    ├── Later          no answer, or one that passes (429, 5xx): try again
    ├── Unknown        401: the secret is not known any more
    ├── Suspended      403: the node is suspended
    ├── TooOld         426: the protocol is too old
    └── Rejected       anything else: what was sent is wrong, and will be wrong again
        └── Oversized  413
"""

import contextlib
import gzip
import ipaddress
import json
import random
import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

import urllib3
import urllib3.exceptions

from agent import answers
from agent.version import PROTOCOL, VERSION
from chalicelib.domain.documents import DEEPEST_REPLY, load_whole
from chalicelib.domain.errors import Invalid, PSchedulerError
from chalicelib.domain.schemas import JSON, Checker

TIMEOUT = 20.0
"""Seconds a request may take, all in all, besides what the other side was asked to wait."""
LARGEST_ANSWER = 16 * 2**20
"""Bytes of an answer, decompressed."""
LARGEST_REQUEST = 8 * 2**20
"""Bytes of a body before it is compressed; results are bounded far below."""
COMPRESSED_FROM = 1400
"""Bytes from which a body is compressed: a smaller one travels in one packet."""
_CHUNK = 65536


class Unanswered(PSchedulerError):
    """A request that did not do what it was to do."""


class Later(Unanswered):
    """There was no answer, or one that passes."""


class Unknown(Unanswered):
    """The coordinator does not know the secret, or has revoked it."""


class Suspended(Unanswered):
    """The node is suspended."""


class TooOld(Unanswered):
    """The coordinator does not speak this protocol any more."""


class Rejected(Unanswered):
    """What was sent is wrong, and will be wrong again."""


class Oversized(Rejected):
    """What was sent is larger than the coordinator takes."""


_ERRORS: Mapping[int, type[Unanswered]] = {
    401: Unknown,
    403: Suspended,
    408: Later,
    413: Oversized,
    425: Later,
    426: TooOld,
    429: Later,
}


class Backoff:
    """Waits that grow from a second to a minute, shortened by chance so that agents do not come together."""

    FIRST, MOST = 1.0, 60.0

    def __init__(self) -> None:
        self._next = self.FIRST

    def wait(self) -> float:
        """Seconds to wait after one more failure."""
        most, self._next = self._next, min(self.MOST, self._next * 2)
        return most * random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret

    def reset(self) -> None:
        """It went well: begin anew."""
        self._next = self.FIRST


def coordinator_url(text: str) -> str:
    """A coordinator's URL without a slash at the end. Raises Invalid for one that is none, or is not TLS.

    Plain HTTP would show the secret to everybody on the way: on loopback there is nobody.
    """
    try:
        parts = urllib.parse.urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise Invalid(f"{text!r} is no URL: {error}") from error
    if (
        parts.scheme not in ("https", "http")
        or not host
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise Invalid(f"{text!r} is no URL such as https://coordinator.example.org/pscheduler")
    if parts.scheme == "http" and not _is_loopback(host):
        raise Invalid(f"{text!r} is not https: agents speak plain HTTP with loopback only")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Client:
    """The coordinator, as one agent sees it. Safe for threads."""

    def __init__(self, url: str, secret: str | None = None, authority: str | None = None):
        """``authority`` is a PEM file trusted besides the system's. Raises Invalid if it cannot be read."""
        self.url, self._secret = coordinator_url(url), secret
        self._connections = _connections(self.url, _trust(authority))

    def close(self) -> None:
        """Hang up."""
        self._connections.clear()

    def use(self, secret: str) -> None:
        """Be known by another secret from now on."""
        self._secret = secret

    def join(self, token: str, instance: str, facts: JSON) -> JSON:
        body = {"token": token, "version": VERSION, "instance": instance, "facts": facts}
        return _formed(answers.JOIN, self._ask("POST", "join", body))

    def rotate(self) -> str:
        """A new secret; the one in use goes on until the new one is."""
        return str(_formed(answers.ROTATE, self._ask("POST", "rotate", {}))["secret"])

    def leave(self) -> None:
        self._ask("POST", "leave", {})

    def facts(self, facts: JSON) -> None:
        self._ask("PUT", "facts", facts)

    def bell(self, since: int, wait: int) -> int:
        """The number of the last ring, at once where it is not ``since``."""
        rang = self._ask("GET", f"bell?since={since}&wait={wait}", wait=wait)
        return int(_formed(answers.BELL, rang)["bell"])

    def contact(self, body: JSON) -> JSON:
        return _formed(answers.CONTACT, self._ask("POST", "contact", body))

    def claims(self, body: JSON) -> JSON:
        return _formed(answers.CLAIMS, self._ask("POST", "claims", body))

    def starts(self, body: JSON, within: float) -> JSON:
        return _formed(answers.STARTS, self._ask("POST", "starts", body, within=within))

    def results(self, body: JSON) -> JSON:
        return self._ask("POST", "results", body)

    def answers(self, ask: str, answer: JSON) -> None:
        self._ask("POST", "answers", {"ask": ask, "answer": answer}, within=5.0)

    def outside(self, url: str, wait: int) -> tuple[int, bytes]:
        """Get what is not the coordinator's, without telling who asks. Raises Later."""
        return self._exchange("GET", url, None, {}, TIMEOUT + wait)

    def _ask(self, method: str, path: str, body: JSON = None, wait: int = 0, within: float = TIMEOUT) -> JSON:
        headers = {"X-Agent-Protocol": str(PROTOCOL), "User-Agent": f"pscheduler-agent/{VERSION}"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret}"
        status, answer = self._exchange(method, f"{self.url}/agent/{path}", body, headers, within + wait)
        if status == 204:
            return None
        if status == 200:
            return _document(answer)
        raise _error(status)(_sentence(status, answer))

    def _exchange(
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
        raise Oversized(f"It has {len(content)} bytes; an agent sends {LARGEST_REQUEST}")
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
            raise Later("The coordinator's answer does not come to an end")
    return bytes(content)


def _document(content: bytes) -> JSON:
    try:
        return load_whole(content, "the coordinator's answer", DEEPEST_REPLY)
    except Invalid as error:
        raise Later(error.message) from error


def _formed(form: Checker, document: JSON) -> JSON:
    problem = form.problem(document)
    if problem:
        raise Later(f"The coordinator's answer cannot be read: {problem}")
    return document


def _error(status: int) -> type[Unanswered]:
    return _ERRORS.get(status) or (Later if status >= 500 or status < 400 else Rejected)


def _sentence(status: int, content: bytes) -> str:
    """What an answer says is wrong: text, or the detail of a problem document."""
    text = content[:2000].decode(errors="replace").strip()
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        text = (
            str(found.get("detail") or found.get("title") or text) if isinstance(found, dict) else str(found)
        )
    return text or f"The coordinator answered {status}"


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
