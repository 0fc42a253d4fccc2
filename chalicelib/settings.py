"""What the environment decides: names, limits, and who this node is. Read once, imported by all.

A leaf: it imports nothing of the product. The variables are set in ``.chalice/config.json`` and by
``local/``; docs/deploy.md lists them.
"""

import dataclasses
import functools
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any


@dataclasses.dataclass(frozen=True)
class Identity:
    """One of the nodes a deployment serves: the first part of its keys, and its name among participants."""

    node: str
    hostname: str


@dataclasses.dataclass(frozen=True)
class Settings:
    """One field per variable ``PSCHEDULER_<FIELD>``."""

    node: str = "local"
    """The first part of every key in the store; two nodes may share tables under two names."""
    hostname: str = ""
    """The name this node has among participants and at /hostname."""
    url: str = ""
    """Where clients reach this node, without a slash at the end; https://<hostname>/pscheduler if empty."""
    prefix: str = "pscheduler"
    """Tables and queues are named <prefix>-<name>."""
    bucket: str = "pscheduler-results"
    """Where results too large for a table go."""
    longest_run: int = 0
    """Seconds a runner may take, all in all; 0 where nothing limits it. On Lambda 840."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may use the API from a browser, separated by commas; * for all."""
    verify_tls: bool = True
    """Whether the certificates of other nodes are checked."""
    peer_ca: str = ""
    """A PEM file with authorities trusted for other nodes' certificates, besides the system's."""
    peer_scheme: str = "https"
    """How other nodes are spoken to; ``http`` is for tests and nodes on one machine."""
    peer_port: int = 0
    """The port of participants that are named without one; 0 for the usual one of the scheme."""
    limits: str = ""
    """The policy that says who may do what: a file, ``s3://bucket/key`` or a URL; ``open`` lets everybody in,
    ``closed`` nobody. Without any see ``service/limits/safe_start.py``."""
    listens: str = ""
    """Where this node listens, where it is one machine's: ``address:port``, separated by commas; ``local/``
    says it. The rules of ``domain/egress_rules.py`` read the same variable."""
    nodes: str = ""
    """Further nodes this deployment serves beside its own: ``<node>=<hostname>``, separated by commas.
    Requests are told apart by the host they are addressed to."""

    @property
    def base_url(self) -> str:
        """The API root, for hrefs that leave the node outside a request."""
        return self.url or f"https://{self.hostname}/pscheduler"

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The nodes this deployment serves, its own first."""
        return (_own(), *_further(self.nodes))

    @property
    def addressed(self) -> dict[str, str]:
        """What a message carries so that it is handled as the node it is from; nothing for the first."""
        return {} if self.node == _own().node else {"node": self.node}


def _read(field: "dataclasses.Field[object]") -> object:
    text = os.environ.get(f"PSCHEDULER_{field.name.upper()}")
    if text is None:
        return field.default
    if isinstance(field.default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(field.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return int(text) if isinstance(field.default, int) else text


def _further(nodes: str) -> tuple[Identity, ...]:
    pairs = (entry.strip().partition("=") for entry in nodes.split(",") if entry.strip())
    return tuple(Identity(node.strip(), hostname.strip()) for node, _, hostname in pairs)


_acting: ContextVar[Identity | None] = ContextVar("acting", default=None)


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Be another node of this deployment: its keys and its name go into all that is done meanwhile.

    It holds for the calling thread; threads started meanwhile need ``contextvars.copy_context``.
    """
    token = _acting.set(identity)
    try:
        yield
    finally:
        _acting.reset(token)


def current() -> Identity:
    """The node that is acting."""
    known = settings()
    return Identity(known.node, known.hostname)


def served() -> tuple[Identity, ...]:
    """The nodes a clock ticks for: all of the deployment, or the one that is acting already."""
    acting = _acting.get()
    return settings().identities if acting is None else (acting,)


def addressed_by(host: str) -> AbstractContextManager[None]:
    """Be the node of this deployment that a request is addressed to, with or without a port."""
    nodes = settings().identities
    found = next((each for each in nodes if _bare(each.hostname) == _bare(host)), None)
    return nullcontext() if found is None or len(nodes) == 1 else acting_as(found)


def handling(message: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Be the node that sent a message to itself."""
    if "node" not in message:
        return nullcontext()
    name = message["node"]
    unknown = Identity(name, name)
    return acting_as(next((each for each in settings().identities if each.node == name), unknown))


def _bare(host: str) -> str:
    """A host without its port, in lower case; an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.lower() if host.count(":") > 1 else host.partition(":")[0].lower()


def settings() -> Settings:
    """The settings of this process, as the node that is acting."""
    return _settings(_acting.get())


def forget_settings() -> None:
    """Read the environment again on next use."""
    _settings.cache_clear()


@functools.cache
def _settings(acting: Identity | None) -> Settings:
    read = {field.name: _read(field) for field in dataclasses.fields(Settings)}
    own = Settings(**{**read, "hostname": read["hostname"] or socket.gethostname()})  # type: ignore[arg-type]
    if acting is None or acting.node == own.node:
        return own
    return dataclasses.replace(own, node=acting.node, hostname=acting.hostname, url="")


def _own() -> Identity:
    own = _settings(None)
    return Identity(own.node, own.hostname)
