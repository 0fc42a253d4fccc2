"""Sending something to a web server, for every archiver that speaks HTTP.

One exchange, bounded in time and in what is read of the answer. Connections are kept for the next one, by
host, and are made by the guard: redirections are not followed, and nothing is tried twice.
"""

import dataclasses
import functools
import threading
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import parse_duration
from plugins.support import guarded_connections, sayings

TIMEOUT = "PT30S"
LONGEST_ATTEMPT = 60.0
"""Seconds that a time-out may be; one that is longer counts as this, since a worker waits meanwhile."""
LONGEST_BODY = 65536
"""Bytes read of an answer; the connection of a longer one is not used again."""

_MAKING = threading.Lock()


class NoAnswer(Exception):
    """Nobody answered; says why."""


@dataclasses.dataclass(frozen=True)
class Post:
    """What is sent where. ``seconds`` bound the whole exchange; ``bind`` is an address to come from."""

    url: str
    content: bytes
    headers: Mapping[str, str]
    method: str = "POST"
    seconds: float = LONGEST_ATTEMPT
    verify: bool = False
    bind: str | None = None


@dataclasses.dataclass(frozen=True)
class Reply:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    body: str
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def patience(data: Mapping[str, JSON]) -> float:
    """Seconds that the ``timeout`` of some settings allows the whole exchange."""
    return min(LONGEST_ATTEMPT, max(0.001, parse_duration(data.get("timeout", TIMEOUT)).total_seconds()))


def send(post: Post) -> Reply:
    """Make the request.

    Raises NoAnswer where no answer came, or none in time, and guarded_connections.Refused.
    """
    import urllib3

    try:
        with guarded_connections.ending(post.seconds):
            response = _pools(post.verify, post.bind).request(
                post.method,
                post.url,
                body=post.content,
                headers=dict(post.headers),
                timeout=urllib3.Timeout(total=post.seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            body = response.read(LONGEST_BODY)
            response.release_conn() if len(body) < LONGEST_BODY else response.close()
    except guarded_connections.Unresolvable as error:
        raise NoAnswer(error.message) from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NoAnswer(sayings.said(error)) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status, body.decode(errors="replace"), headers)


def _pools(verify: bool, bind: str | None) -> JSON:
    """The connections of this process for such settings."""
    with _MAKING:
        return _made_pools(verify, bind)


@functools.lru_cache(maxsize=8)
def _made_pools(verify: bool, bind: str | None) -> JSON:
    import urllib3

    if not verify:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    source: dict[str, JSON] = {"source_address": (bind, 0)} if bind else {}
    manager = urllib3.PoolManager(
        num_pools=20, maxsize=4, cert_reqs="CERT_REQUIRED" if verify else "CERT_NONE", **source
    )
    manager.pool_classes_by_scheme = guarded_connections.pool_classes()
    return manager
