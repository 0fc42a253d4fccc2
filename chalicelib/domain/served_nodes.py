"""A node that a deployment serves, and the tokens by which its agent is known. Pure.

A join token is ``psj.<node>.<43 characters>``, an agent's secret ``psa.<node>.<43 characters>``: 32 random
bytes behind the name of the one node they are for. What is stored of either is its SHA-256, which tells
nobody what it was: slow hashes are for secrets that people think up.
"""

import base64
import dataclasses
import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from chalicelib.domain import hosts
from chalicelib.domain.errors import Invalid, Unauthenticated
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON

Place = Literal["here", "agent"]
HERE: Place = "here"
AGENT: Place = "agent"

JOIN, SECRET = "psj", "psa"
RANDOM_BYTES = 32
MOST_SECRETS = 2
"""While a secret is rotated: the one before, and the new one until it is first used."""
LONGEST_TOKEN = 320
_RANDOM = re.compile(r"[A-Za-z0-9_-]{43}")
_URL = re.compile(r"https?://[!-~]{1,500}")


class Join(NamedTuple):
    """A join token that was given out and not used: its digest, and when it is over."""

    sha256: str
    expires: dt.datetime


@dataclasses.dataclass(frozen=True)
class ServedNode:
    """One of the nodes of a deployment.

    ``tools_at`` says where it measures: ``here``, where the deployment runs, or at its ``agent``.
    ``secrets`` are digests, the newest last; ``agent`` is who joined last: {version, protocol, instance};
    ``joined_with`` the digest of the token it joined with. A node that was ``removed`` is served no more, and
    known until its tasks are cancelled.
    """

    node: NodeName
    hostname: str
    url: str
    tools_at: Place = HERE
    suspended: bool = False
    removed: dt.datetime | None = None
    added: dt.datetime | None = None
    join: Join | None = None
    secrets: tuple[str, ...] = ()
    agent: JSON = None
    joined_with: str = ""
    revision: int = 0

    def evolve(self, **changes: object) -> "ServedNode":
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def out_of_service(self) -> str | None:
        """Why it takes nothing on; None where it does."""
        if self.removed is not None:
            return f"The node {self.node} was removed"
        return f"The node {self.node} is suspended" if self.suspended else None

    @property
    def runs_at_agent(self) -> bool:
        return self.tools_at == AGENT


class Token(NamedTuple):
    """A token taken apart: what it is (``psj``, ``psa``), the node it is for, and the whole of it hashed."""

    kind: str
    node: NodeName
    sha256: str


def name_of(hostname: str) -> NodeName:
    """What a node is called here that has this name among participants: that, without a port, in lower case.

    Raises Invalid for what names no host.
    """
    return NodeName(hosts.parse(hostname).name.removesuffix("."))


def new(hostname: str, tools_at: str, now: dt.datetime, url: str = "") -> ServedNode:
    """A node that is not stored yet. Raises Invalid."""
    if tools_at not in (HERE, AGENT):
        raise Invalid(f"must be {HERE} or {AGENT}", "/tools-at")
    try:
        host = hosts.parse(hostname)
    except Invalid as error:
        raise Invalid(error.sentence, "/hostname") from error
    if url and not _URL.fullmatch(url):
        raise Invalid("must be an http or https URL of at most 500 characters", "/url")
    root = url.rstrip("/") or f"https://{host.in_url}/pscheduler"
    return ServedNode(name_of(hostname), host.in_url, root, tools_at, added=now)


def token(kind: str, node: NodeName, random: bytes) -> str:
    """The text of a join token or a secret, made of 32 random bytes."""
    return f"{kind}.{node}.{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def parse(text: str, kind: str) -> Token:
    """A token as it was presented. Raises Unauthenticated for what is none of this kind."""
    start, dot, rest = text.partition(".")
    node, second, random = rest.rpartition(".")
    if (
        len(text) > LONGEST_TOKEN
        or start != kind
        or not (dot and second and node)
        or not _RANDOM.fullmatch(random)
    ):
        what = "a join token: psj.<node>.<43 characters>" if kind == JOIN else "an agent's secret"
        raise Unauthenticated(f"This is not {what}")
    return Token(kind, NodeName(node), digest(text))


def digest(text: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_among(sha256: str, known: Iterable[str]) -> bool:
    """Whether a digest is one of those known; how long that takes tells nothing of them."""
    return sum(hmac.compare_digest(sha256, one) for one in known) > 0


def rotated(secrets: tuple[str, ...], added: str) -> tuple[str, ...]:
    """The secrets with a new one. Of two, the older is in use still, or it would be gone: it stays."""
    return (*secrets[: MOST_SECRETS - 1], added)
