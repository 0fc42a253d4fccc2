"""Whether a request is really meant for this node, and for whom a browser makes it.

A page of another origin can have its reader's browser send requests: writes of such pages are refused unless
``PSCHEDULER_ORIGINS`` names them, whatever the content type. A page whose own name was made to resolve to
loopback (DNS rebinding) has the same origin as the node, but under a name that is not the node's.
"""

import ipaddress
import socket
import urllib.parse
from collections.abc import Mapping

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Forbidden, Misdirected
from chalicelib.infrastructure.addresses import listens_on_loopback
from chalicelib.service.node import node_directory
from chalicelib.settings import bare_host, settings

READING = ("GET", "HEAD", "OPTIONS")
_USUAL_PORTS = {"http": 80, "https": 443}
_OWN_SITES = ("same-origin", "none")


def require_own_name(headers: Mapping[str, str]) -> None:
    """Raise Misdirected where a node that listens on loopback alone is asked under a name not its own."""
    host = headers.get("host")
    if host and listens_on_loopback() and not _is_own_name(bare_host(host)):
        raise Misdirected(
            f"This node listens on loopback and is not called {shown(bare_host(host))}: use its address,"
            " localhost or its own name, or add the name to PSCHEDULER_NAMES"
        )


def _is_own_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        name = host.rstrip(".")
        return name == "localhost" or name.endswith(".localhost") or name in _own_names() or _is_served(name)
    return True  # nobody else can give a page an address of this machine


def _own_names() -> set[str]:
    known = settings()
    given = [socket.gethostname(), *(each.hostname for each in known.identities), *known.names]
    return {bare_host(name).rstrip(".") for name in (*given, urllib.parse.urlsplit(known.url).netloc)}


def _is_served(name: str) -> bool:
    return node_directory.of_participant(name) is not None


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser makes the request for a page of another origin."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site.strip().lower() not in _OWN_SITES:
        return True
    return origin is not None and not _is_own(origin, headers.get("host", ""))


def require_own_origin(method: str, headers: Mapping[str, str]) -> None:
    """Raise Forbidden for a write that a page of another origin makes, unless it is one that may."""
    if method in READING or not is_foreign(headers):
        return
    allowed, origin = settings().origins, headers.get("origin")
    if origin is not None and ({origin, "*"} & set(allowed)):
        return
    raise Forbidden(
        f"Pages of other origins cannot change anything here ({(origin or 'no Origin is given')[:80]}):"
        " PSCHEDULER_ORIGINS lists those that can"
    )


def _is_own(origin: str, host: str) -> bool:
    """Whether an Origin is the node under the name it is asked under, or the one it gives itself.

    The scheme does not count: a proxy may speak TLS for the node.
    """
    try:
        page = urllib.parse.urlsplit(origin)
        place = (page.hostname, page.port or _USUAL_PORTS.get(page.scheme))
        own = urllib.parse.urlsplit(f"{page.scheme}://{host}")
        named = urllib.parse.urlsplit(settings().url)
        return page.hostname is not None and place in (
            (own.hostname, own.port or _USUAL_PORTS.get(page.scheme)),
            (named.hostname, named.port or _USUAL_PORTS.get(named.scheme)),
        )
    except ValueError:
        return False
