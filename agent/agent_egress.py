"""Where the tools of an agent may connect to: the product's rule, and what the owner of the host says.

The networks of a policy are held against the very address that is connected to, whatever a name server says;
its names are taken at their word.
"""

import dataclasses
import os

from agent.policy import PolicyFile
from chalicelib.domain.egress import Rules
from chalicelib.infrastructure import allowed_egress as of_host
from plugins.support import guarded_connections, host_lookup

USUAL = "private"
"""What may be reached besides public addresses, unless PSCHEDULER_EGRESS says otherwise: measurement hosts
are often in private networks, but what listens on a host's loopback is for the host alone."""


def set_up(policy: PolicyFile) -> None:
    """Have plugins ask these rules from now on."""
    os.environ.setdefault("PSCHEDULER_EGRESS", USUAL)
    guarded_connections.configure(lambda: rules(policy))
    host_lookup.behind_translation()


def rules(policy: PolicyFile) -> Rules:
    found, owner = of_host.rules(), policy.policy()
    if owner.destinations is None:
        return found
    allowed = tuple(owner.networks)
    return dataclasses.replace(
        found, allowed=(*found.allowed, *allowed), only=None if owner.names else allowed
    )
