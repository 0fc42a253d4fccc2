"""Fetching a URL within a time, the way the curl tool needs it (docs/contract/tools.md section 2).

Which URLs are fetched stands in ``fetched_urls.py``. Certificates are not checked: what is measured is time.
Every name is looked up here and its address dialled, so that the version of IP and the time limit
hold for that as well.
"""

import codecs
import dataclasses
import datetime as dt
import time
import urllib.parse
from collections.abc import Callable, Mapping

from chalicelib.domain.redaction import without_credentials
from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed
from plugins.support import guarded_connections, host_lookup, sayings
from plugins.tools.web.fetched_urls import PORTS, file_refusal, is_file, refusal, whole
from plugins.tools.web.phases import Stopwatch, timed, tls

USER_AGENT = "Mozilla/5.0 (compatible; pScheduler)"
NO_ANSWER = 400
MOST_HOPS = 20
KEPT = 16 * 2**20
"""Bytes of a body that are kept; a longer one is a failure."""

_REDIRECTS = (301, 302, 303, 307, 308)
_CREDENTIALS = ("authorization", "cookie")


@dataclasses.dataclass(frozen=True)
class Fetched:
    """An answer, or status 400 with the trouble as its body where there was none.

    ``phases`` says how much of the time was ``dns``, ``connect``, ``tls`` and ``first-byte``.
    """

    status: int
    body: bytes
    encoding: str = "utf-8"
    time: dt.timedelta = dt.timedelta(0)
    phases: Mapping[str, dt.timedelta] = dataclasses.field(default_factory=dict)
    answered: bool = True

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300

    @property
    def summary(self) -> str:
        """The status there was, in words; a status that stands for none is not invented."""
        return f"Status {self.status}" if self.answered else "No answer"

    @property
    def text(self) -> str | None:
        """The body as text; None where it is none."""
        try:
            return self.body.decode(self.encoding)
        except UnicodeDecodeError:
            return None


Save = Callable[[bytes], object]


def fetch(
    url: str, headers: Mapping[str, str], limit: float, version: int | None = None, save: Save | None = None
) -> Fetched:
    """Fetch a URL within so many seconds, following redirects. Never raises: see ``Fetched``.

    ``save`` takes the body of a success piece by piece; none is kept then, so it may be of any size.
    """
    begun, watch = time.monotonic(), Stopwatch()
    asking = _Asking(begun + limit, version, watch, save)
    try:
        fetched = host_lookup.limited(
            limit, lambda: _ended(limit, lambda: _follow(whole(url), headers, asking))
        )
    except TimeoutError:
        fetched = _unanswered(f"No answer in {limit:g} seconds")
    except (OSError, ValueError) as error:
        fetched = _unanswered(sayings.said(error))
    except PluginFailed as error:
        fetched = _unanswered(error.message)
    taken = dt.timedelta(seconds=time.monotonic() - begun)
    return dataclasses.replace(fetched, time=taken, phases=watch.read())


def _unanswered(why: str) -> Fetched:
    return Fetched(NO_ANSWER, why.encode(), answered=False)


def _ended(limit: float, work: Callable[[], Fetched]) -> Fetched:
    # Whoever waits gives up in time; this has the thread that is left behind come to an end as well.
    with guarded_connections.ending(limit):
        return work()


@dataclasses.dataclass(frozen=True)
class _Asking:
    """What holds for every request of a fetch."""

    deadline: float
    version: int | None
    watch: Stopwatch
    save: Save | None

    @property
    def left(self) -> float:
        return max(0.001, self.deadline - time.monotonic())


def _follow(url: str, headers: Mapping[str, str], asking: _Asking) -> Fetched:
    if is_file(url):
        return _read_file(url, asking)
    sent = dict(headers)
    for _ in range(MOST_HOPS):
        answer, target = _get(url, sent, asking)
        if target is None:
            return answer
        onward = urllib.parse.urljoin(url, target)
        if refusal(onward) or is_file(onward):  # a server has no say over this machine's files
            raise PluginFailed(f"Redirected to {without_credentials(onward)}, which is not fetched")
        if urllib.parse.urlsplit(onward)[:2] != urllib.parse.urlsplit(url)[:2]:
            sent = {name: value for name, value in sent.items() if name.lower() not in _CREDENTIALS}
        url = onward
    raise PluginFailed(f"Redirected more than {MOST_HOPS} times")


def _read_file(url: str, asking: _Asking) -> Fetched:
    parts = urllib.parse.urlsplit(url)
    error = file_refusal(parts)  # it may have changed since the tool was chosen
    if error:
        raise PluginFailed(error)
    try:
        file = open(urllib.parse.unquote(parts.path), "rb")  # noqa: SIM115 - closed below
    except OSError as failed:
        raise PluginFailed(f"{parts.path} cannot be read: {failed.strerror or failed}") from failed
    with file:
        return Fetched(200, _taken(file.read, asking, asking.save) if asking.save else file.read(KEPT))


def _get(url: str, headers: Mapping[str, str], asking: _Asking) -> tuple[Fetched, str | None]:
    """One request: the answer, and where it redirects to if it does. Raises PluginFailed without one."""
    import urllib3

    parts = urllib.parse.urlsplit(url)
    with _pool(parts, asking) as pool:
        try:
            with asking.watch.during("first-byte"):
                response = _ask(pool, parts, headers, asking.left)
            with response:
                if response.status in _REDIRECTS and response.headers.get("location"):
                    return Fetched(response.status, b""), response.headers["location"]
                save = asking.save if 200 <= response.status < 300 else None
                body = _taken(response.read1, asking, save)
                return Fetched(response.status, body, _encoding(response)), None
        except urllib3.exceptions.HTTPError as error:
            shown = without_credentials(url)
            raise PluginFailed(f"{shown} could not be fetched: {sayings.said(error)}") from error


def _ask(pool: JSON, parts: urllib.parse.SplitResult, headers: Mapping[str, str], limit: float) -> JSON:
    """The answer as far as its headers."""
    import urllib3

    return pool.urlopen(
        "GET",
        urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")),
        headers=_headers(parts, headers),
        timeout=urllib3.Timeout(total=limit),
        retries=False,
        redirect=False,
        assert_same_host=False,
        preload_content=False,
        decode_content=False,
    )


def _pool(parts: urllib.parse.SplitResult, asking: _Asking) -> JSON:
    import urllib3

    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    with asking.watch.during("dns"):
        address = host_lookup.resolve(host, asking.version)
    guarded_connections.check(address, port)
    if parts.scheme == "http":
        pool: JSON = urllib3.HTTPConnectionPool(str(address), port)
    else:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        pool = urllib3.HTTPSConnectionPool(
            str(address), port, ssl_context=tls(), server_hostname=host, assert_hostname=False
        )
    pool.ConnectionCls = timed(
        guarded_connections.guarded(pool.ConnectionCls), asking.watch, encrypted=parts.scheme == "https"
    )
    return pool


def _headers(parts: urllib.parse.SplitResult, given: Mapping[str, str]) -> dict[str, str]:
    import urllib3

    own = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": USER_AGENT, "Accept": "*/*"}
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        own["Authorization"] = urllib3.make_headers(basic_auth=pair)["authorization"]
    replaced = {name.lower() for name in given}
    return {**{name: value for name, value in own.items() if name.lower() not in replaced}, **given}


def _taken(read: Callable[[int], bytes], asking: _Asking, save: Save | None) -> bytes:
    """All there is to read, or nothing where ``save`` takes it."""
    body = bytearray()
    take = save or body.extend
    while chunk := read(65536):
        take(chunk)
        if len(body) > KEPT:
            raise PluginFailed(f"The content is longer than {KEPT} bytes")
        if time.monotonic() > asking.deadline:  # drop by drop no read ever times out
            raise TimeoutError("The content did not end in time")
    return bytes(body)


def _encoding(response: JSON) -> str:
    """The charset that the answer names, UTF-8 where it names none that there is."""
    _, _, charset = response.headers.get("content-type", "").lower().partition("charset=")
    name = charset.partition(";")[0].strip(" \"'")
    try:
        return codecs.lookup(name).name if name and codecs.lookup(name)._is_text_encoding else "utf-8"
    except LookupError:
        return "utf-8"
