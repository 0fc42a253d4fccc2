"""The nodes of the deployment: those its environment names, and those that were registered.

Those of the environment need no look into the store, and a deployment that has no others looks once in ten
seconds. What is remembered of a registered node is as old as that; what decides whether its agent may do
something is read anew each time.
"""

import datetime as dt
import functools
import secrets
from collections.abc import Callable

from chalicelib.domain import hosts, served_nodes
from chalicelib.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Overtaken,
    Unauthenticated,
)
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import JOIN, RANDOM_BYTES, SECRET, Join, ServedNode, digest, is_among
from chalicelib.domain.times import format_timestamp
from chalicelib.service.node.remembered import Remembered
from chalicelib.settings import Settings, bare_host, settings
from chalicelib.store import node_registry

FRESH = 10.0
"""Seconds for which what was read of the registry is good."""
MOST_REMEMBERED = 4000
JOIN_LIFETIME = dt.timedelta(hours=1)
LONGEST_JOIN_LIFETIME = dt.timedelta(days=30)
TRIES = 5
"""How often a change is made anew when somebody else was faster."""

_nodes: Remembered[NodeName, ServedNode | None] = Remembered(FRESH, MOST_REMEMBERED)
_unused: Remembered[str, bool] = Remembered(FRESH, 1)


def forget() -> None:
    """Look again on next use."""
    _nodes.clear()
    _unused.clear()


@functools.lru_cache(maxsize=4)
def _of_environment(known: Settings) -> dict[NodeName, ServedNode]:
    """The nodes the environment names, the deployment's own first."""
    return {
        each.node: ServedNode(
            each.node,
            each.hostname,
            (known.url if each.node == known.node else "") or f"https://{each.hostname}/pscheduler",
        )
        for each in known.identities
    }


@functools.lru_cache(maxsize=4)
def _by_name(known: Settings) -> dict[str, ServedNode]:
    """The same, by the names among participants that can be read as such."""
    found: dict[str, ServedNode] = {}
    for each in _of_environment(known).values():
        try:
            found.setdefault(hosts.parse(each.hostname).name, each)
        except Invalid:
            continue
    return found


@functools.lru_cache(maxsize=4)
def _by_host(known: Settings) -> dict[str, NodeName]:
    found: dict[str, NodeName] = {}
    for each in known.identities:
        found.setdefault(bare_host(each.hostname), each.node)
    return found


def is_of_environment(node: NodeName) -> bool:
    """Whether a node is named by the environment, and no affair of the registry."""
    return node in _of_environment(settings())


def find(node: NodeName) -> ServedNode | None:
    """A node of the deployment; None where there is none of that name, or not any more."""
    found = known(node)
    return None if found is None or found.removed else found


def known(node: NodeName) -> ServedNode | None:
    """The same, and one that was removed, as long as its tasks are being cancelled."""
    own = _of_environment(settings()).get(node)
    if own is not None or _is_unused():
        return own
    return _nodes.get(node, lambda: node_registry.find(node))


def served(node: NodeName) -> ServedNode:
    """A node of the deployment. Raises NotFound."""
    found = find(node)
    if found is None:
        raise NotFound(f"There is no node {node}")
    return found


def of_environment() -> list[ServedNode]:
    """The nodes the environment names, the deployment's own first."""
    return list(_of_environment(settings()).values())


def addressed_by(host: str) -> NodeName:
    """The node that a request is addressed to by its Host, port or not; else the deployment's own."""
    known = settings()
    bare = bare_host(host).removesuffix(".")
    own = _by_host(known).get(bare)
    if own is not None or _is_unused():
        return own or known.node
    found = _named(bare)
    return found.node if found and not found.removed else known.node


def of_participant(participant: str) -> ServedNode | None:
    """The node of the deployment that is a participant; None where it is another's.

    It may be one that was removed: its tasks are cancelled as those of co-hosted nodes are.
    """
    known = settings()
    if len(known.identities) == 1 and _is_unused():
        return None
    try:
        name = hosts.parse(participant).name
    except Invalid:
        return None
    return _by_name(known).get(name) or (None if _is_unused() else _named(name))


def _named(name: str) -> ServedNode | None:
    """A registered node by a host's name; none for what cannot be one."""
    try:
        return known(served_nodes.name_of(name))
    except Invalid:
        return None


def runs_at_agent(node: NodeName) -> bool:
    """Whether a node's measurements are made by its agent, and not where the deployment runs."""
    found = known(node)
    return found is not None and found.runs_at_agent


def out_of_service(node: NodeName) -> str | None:
    """Why a node takes nothing on and starts nothing; None where it does."""
    found = known(node)
    return found.out_of_service if found else None


def require_in_service(node: NodeName) -> None:
    """Raise Forbidden where a node takes nothing on."""
    reason = out_of_service(node)
    if reason is not None:
        raise Forbidden(reason)


def hostname_of(node: NodeName) -> str:
    """The name a node has among participants; of one that is not served, what it is called here."""
    found = known(node)
    return found.hostname if found else node


def base_url_of(node: NodeName) -> str:
    """A node's API root, without a slash at the end, for hrefs that leave it outside a request."""
    found = known(node)
    return found.url if found else f"https://{node}/pscheduler"


def _is_unused() -> bool:
    return _unused.get(settings().prefix, node_registry.is_unused)


# --- changes -----------------------------------------------------------------------------------


def add(hostname: str, tools_at: str, now: dt.datetime, url: str = "") -> ServedNode:
    """Register a node. Raises Invalid, Conflict."""
    return _add(served_nodes.new(hostname, tools_at, now, url))


def _add(node: ServedNode) -> ServedNode:
    if node.node in (*_of_environment(settings()), *_by_name(settings()), *_by_host(settings())):
        raise Conflict(f"{node.node} is a node of this deployment's environment")
    return _written(node_registry.add(node))


def change(node: NodeName, how: Callable[[ServedNode], ServedNode]) -> ServedNode:
    """Change a registered node; ``how`` may be asked again when somebody else was faster.

    Raises NotFound, Overtaken, and what ``how`` does.
    """
    for left in reversed(range(TRIES)):
        try:
            stored = _stored(node)
            changed = how(stored)
            return _written(stored if changed == stored else node_registry.change(changed))
        except Overtaken:
            if not left:
                raise
    raise AssertionError("unreachable")


def _stored(node: NodeName) -> ServedNode:
    found = node_registry.get(node)
    if found.removed:
        raise NotFound(found.out_of_service or "")
    return found


def put(hostname: str, tools_at: str, url: str, suspended: bool, now: dt.datetime) -> ServedNode:
    """Register a node, or have the one of that name be like this. Raises Invalid, Conflict, Overtaken."""
    wanted = served_nodes.new(hostname, tools_at, now, url).evolve(suspended=suspended)

    def as_wanted(stored: ServedNode) -> ServedNode:
        return stored.evolve(
            hostname=wanted.hostname, url=wanted.url, tools_at=wanted.tools_at, suspended=suspended
        )

    try:
        return change(wanted.node, as_wanted)
    except NotFound:
        return _add(wanted)


def remove(node: NodeName, now: dt.datetime) -> ServedNode:
    """Serve a node no more, and know its agent no more. What it has is seen to by ``coordination.removal``.

    Raises NotFound.
    """
    return change(
        node, lambda stored: stored.evolve(removed=now, join=None, secrets=(), agent=None, joined_with="")
    )


def forget_removed(node: NodeName) -> None:
    """Have there been no such node. Raises NotFound."""
    node_registry.forget(node)
    _nodes.put(node, None)


def _written(node: ServedNode) -> ServedNode:
    _nodes.put(node.node, node)
    _unused.put(settings().prefix, False)
    return node


# --- what agents are known by ------------------------------------------------------------------


def require_lifetime(lifetime: dt.timedelta) -> None:
    """Raise Invalid for one that no join token can have."""
    if not dt.timedelta(0) < lifetime <= LONGEST_JOIN_LIFETIME:
        raise Invalid("A join token must be valid for some time, and for 30 days at most")


def new_join_token(node: NodeName, now: dt.datetime, lifetime: dt.timedelta = JOIN_LIFETIME) -> str:
    """A token by which an agent joins once, in place of one that was not used. It is never again to be had.

    Raises NotFound, and Invalid for a node whose tools are here, or a lifetime that is none.
    """
    require_lifetime(lifetime)
    text = served_nodes.token(JOIN, node, secrets.token_bytes(RANDOM_BYTES))

    def with_token(known: ServedNode) -> ServedNode:
        if not known.runs_at_agent:
            raise Invalid(f"The tools of {node} are in the deployment: it has no agent")
        return known.evolve(join=Join(digest(text), now + lifetime))

    change(node, with_token)
    return text


def join(
    token: str, instance: str, version: str, now: dt.datetime, protocol: int = 1
) -> tuple[ServedNode, str]:
    """Have an agent join by its token: the node, and the agent's secret, which is never again to be had.

    Any older secret is revoked. Who joins again by the same token did not hear the answer, and gets another
    secret, as long as nothing was heard of it since. Raises Unauthenticated for a token that is not known or
    is over, Conflict for one that was used by another instance, or heard of, Forbidden for a node that is
    suspended.
    """
    presented = served_nodes.parse(token, JOIN)
    secret = served_nodes.token(SECRET, presented.node, secrets.token_bytes(RANDOM_BYTES))
    who = {"instance": instance, "version": version, "protocol": protocol}
    agent = {**who, "at": format_timestamp(now)}

    def joined(known: ServedNode) -> ServedNode:
        again = is_among(presented.sha256, [known.joined_with])
        if again and not _may_join_again(known, presented.sha256, instance, now):
            raise Conflict("The join token was used already: ask for another one")
        _require_token(known, presented.sha256, now)
        _require_in_service(known)
        # The answer that was not heard may be under way still: its secret is good until this one is used.
        good = served_nodes.rotated(known.secrets, digest(secret)) if again else (digest(secret),)
        return known.evolve(joined_with=presented.sha256, secrets=good, agent=agent)

    try:
        return change(presented.node, joined), secret
    except NotFound as error:
        raise Unauthenticated("The join token is unknown") from error


def _may_join_again(known: ServedNode, sha256: str, instance: str, now: dt.datetime) -> bool:
    """Whether who uses a token once more may not have heard the answer: it is who used it before, in its
    time, and nothing was heard of it since."""
    last, agent, heard = known.join, known.agent or {}, node_registry.contact(known.node) or {}
    in_time = last is not None and is_among(sha256, [last.sha256]) and now < last.expires
    is_heard = heard.get("instance") == instance and heard["at"] >= agent.get("at", "")
    return in_time and agent.get("instance") == instance and not is_heard


def _require_token(known: ServedNode, sha256: str, now: dt.datetime) -> None:
    if known.join is None or not is_among(sha256, [known.join.sha256]):
        raise Unauthenticated("The join token is unknown")
    if known.join.expires <= now:
        raise Unauthenticated("The join token has expired: ask for another one")


def authenticate(secret: str, suspended_too: bool = False) -> ServedNode:
    """The node whose agent has this secret, as it is now.

    The first use of a new secret revokes the one before. Raises Unauthenticated for one that is not known, or
    revoked, and Forbidden for a node that is suspended: what it has taken goes on, so that what is about that
    is let through with ``suspended_too``.
    """
    presented = served_nodes.parse(secret, SECRET)
    known = node_registry.find(presented.node)
    if known is None or not known.runs_at_agent or not is_among(presented.sha256, known.secrets):
        raise Unauthenticated("The secret is unknown, or was revoked")
    if not suspended_too:
        _require_in_service(known)
    if len(known.secrets) > 1 and known.secrets[-1] == presented.sha256:
        return _taken_into_use(known)
    _nodes.put(known.node, known)
    return known


def _taken_into_use(known: ServedNode) -> ServedNode:
    try:
        return _written(node_registry.change(known.evolve(secrets=known.secrets[-1:])))
    except Overtaken:  # the next request does it
        return known


def _require_in_service(known: ServedNode) -> None:
    if known.out_of_service:
        raise Forbidden(known.out_of_service)


def rotate(node: NodeName) -> str:
    """Another secret for a node's agent: the one it has is good until this one is first used.

    Raises NotFound, and Conflict where no agent has joined.
    """
    secret = served_nodes.token(SECRET, node, secrets.token_bytes(RANDOM_BYTES))

    def with_secret(known: ServedNode) -> ServedNode:
        if not known.secrets:
            raise Conflict(f"No agent has joined for {node}")
        return known.evolve(secrets=served_nodes.rotated(known.secrets, digest(secret)))

    change(node, with_secret)
    return secret


def leave(node: NodeName) -> None:
    """Have a node's agent be known no more. Raises NotFound."""
    change(node, lambda known: known.evolve(secrets=(), agent=None))
