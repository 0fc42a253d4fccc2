"""What the environment decides: names, limits, and who this node is. Read once, imported by all.

Of the product it imports the name a node has and how a number is read, and nothing else. The variables are
set in ``.chalice/config.json`` and by ``local/``; docs/deploy.md lists them.

A deployment serves one node or several. Which of them something is done for is never kept here: a request
says it (its Host), so does a message, and what is stored has it as its ``node``.
"""

import dataclasses
import functools
import os
import socket

from chalicelib.domain import numerals
from chalicelib.domain.names import NodeName

_LOCAL = NodeName("local")
MOST_SHARDS = 1000


class SettingsError(Exception):
    """A variable of the environment holds what it cannot; the message is one line that says which and why."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """One of the nodes a deployment serves: the first part of its keys, and its name among participants."""

    node: NodeName
    hostname: str


@dataclasses.dataclass(frozen=True, eq=False)  # much is kept by them, and looked up by identity
class Settings:
    """One field per variable ``PSCHEDULER_<FIELD>``."""

    node: NodeName = _LOCAL
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
    head_start: int = 2
    """Seconds before its start at which a run is handed to its runner, and how far ahead the first run of a
    task is placed at least. A function that has to be started first needs more."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may use the API from a browser, separated by commas; * for all."""
    names: tuple[str, ...] = ()
    """Further names of this node, separated by commas, under which it may be asked where it listens on
    loopback, and that are in the certificate that a node on one machine makes."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies in front whose X-Forwarded-For is believed, separated by commas."""
    operator_token: str = ""
    """The file that holds the operator's token; ``local/`` makes one, and says so."""
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
    agent_carrier: str = "https"
    """How agents of nodes are called: ``https``, they listen here, or ``queue``, each has a queue at AWS."""
    default_archives: str = ""
    """A folder of archive specifications, a document each, that every task has besides its own."""
    shards: int = 4
    """Into how many parts what is due is cut, so that as many planners and dispatchers can work side by side.
    It may be changed at any time: what waits in others than there are now is found all the same."""
    nodes: str = ""
    """Further nodes this deployment serves beside its own and those in its registry: ``<node>=<hostname>``,
    separated by commas. Requests are told apart by the host they are addressed to."""

    @property
    def identities(self) -> tuple[Identity, ...]:
        """The nodes the environment names, the deployment's own first; the registry has the others."""
        return (Identity(self.node, self.hostname), *_further(self.nodes))


def _read(field: "dataclasses.Field[object]") -> object:
    text = os.environ.get(variable(field.name))
    if text is None:
        return field.default
    if isinstance(field.default, bool):
        return _read_flag(field.name, text)
    if isinstance(field.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return _read_number(field.name, text) if isinstance(field.default, int) else text


def _read_flag(name: str, text: str) -> bool:
    if text.lower() not in ("1", "true", "yes", "0", "false", "no", ""):
        raise SettingsError(f"{variable(name)}: must be 1 or 0, not {text!r}")
    return text.lower() in ("1", "true", "yes")


def _read_number(name: str, text: str) -> int:
    number = numerals.whole(text)
    if number is None:
        raise SettingsError(f"{variable(name)}: must be a whole number, not {text!r}")
    return number


def variable(name: str) -> str:
    """What a setting is called in the environment."""
    return f"PSCHEDULER_{name.upper()}"


def _further(nodes: str) -> tuple[Identity, ...]:
    pairs = (entry.strip().partition("=") for entry in nodes.split(",") if entry.strip())
    return tuple(Identity(NodeName(node.strip()), hostname.strip()) for node, _, hostname in pairs)


def bare_host(host: str) -> str:
    """A host without its port, in lower case; an IPv6 address without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.lower() if host.count(":") > 1 else host.partition(":")[0].lower()


@functools.cache
def settings() -> Settings:
    """The settings of this process. Raises SettingsError for one that cannot be read."""
    read = {field.name: _read(field) for field in dataclasses.fields(Settings)}
    if not 1 <= int(str(read["shards"])) <= MOST_SHARDS:
        raise SettingsError(f"{variable('shards')}: must be from 1 to {MOST_SHARDS}, not {read['shards']}")
    return Settings(**{**read, "hostname": read["hostname"] or socket.gethostname()})  # type: ignore[arg-type]


def forget_settings() -> None:
    """Read the environment again on next use."""
    settings.cache_clear()
