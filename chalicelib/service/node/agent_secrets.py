"""What agents are known by: tokens to join with, and secrets, of which only digests are stored.

What decides whether an agent may do something is read anew each time.
"""

import datetime as dt
import secrets

from chalicelib.domain import served_nodes
from chalicelib.domain.errors import Conflict, Forbidden, Invalid, NotFound, Overtaken, Unauthenticated
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import JOIN, RANDOM_BYTES, SECRET, Join, ServedNode, digest, is_among
from chalicelib.domain.times import format_timestamp
from chalicelib.service.node import node_directory, registration
from chalicelib.store import node_registry

JOIN_LIFETIME = dt.timedelta(hours=1)
LONGEST_JOIN_LIFETIME = dt.timedelta(days=30)


def require_lifetime(lifetime: dt.timedelta) -> None:
    """Raise Invalid for one that no join token can have."""
    if not dt.timedelta(0) < lifetime <= LONGEST_JOIN_LIFETIME:
        raise Invalid("A join token must be valid for longer than zero, and for 30 days at most")


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

    registration.change(node, with_token)
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
        return registration.change(presented.node, joined), secret
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
    return node_directory.remember(known)


def _taken_into_use(known: ServedNode) -> ServedNode:
    try:
        return node_directory.remember(node_registry.change(known.evolve(secrets=known.secrets[-1:])))
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

    registration.change(node, with_secret)
    return secret


def leave(node: NodeName) -> None:
    """Have a node's agent be known no more. Raises NotFound."""
    registration.change(node, lambda known: known.evolve(secrets=(), agent=None))
