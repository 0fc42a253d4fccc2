"""The rules for outgoing connections, as this process and this machine have them."""

import functools
import os
import socket
import time

from chalicelib.domain.egress import Rules
from chalicelib.domain.egress_rules import rules_of
from chalicelib.infrastructure.addresses import own_addresses

KEPT_FOR = 60
"""Seconds after which names of the engine are looked up again."""


def rules() -> Rules:
    """Raises Invalid for a setting that cannot be read."""
    return _rules(frozenset(os.environ.items()), own_addresses(), int(time.monotonic() // KEPT_FOR))


@functools.lru_cache(maxsize=4)
def _rules(environment: frozenset[tuple[str, str]], own: frozenset[str], period: int) -> Rules:
    return rules_of(dict(environment), own, _looked_up)


def _looked_up(name: str) -> tuple[str, ...]:
    try:
        return tuple(str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return ()
