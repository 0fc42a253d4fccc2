"""Where a run measures to: the hosts and networks that its spec names, for the host's owner to judge."""

import ipaddress
import urllib.parse
from collections.abc import Iterator, Mapping

from chalicelib.domain.egress import Network
from chalicelib.domain.schemas import JSON, version_of
from plugins.sdk.host_names import names_hosts
from plugins.sdk.test import Test


def destinations(test: Test, spec: Mapping[str, JSON], participant: int) -> list[str]:
    """The hosts and networks that a run measures to, as its spec names them.

    This host itself is none; nor are the names by which nodes are asked for their part (``dest-node``), which
    an agent does not ask, and names that are only looked up.
    """
    own = {"host", "query", "dest" if participant else "source"}
    found: list[str] = []
    for field in test.fields:
        value = spec.get(field.name)
        if value is None or field.name.endswith("-node"):
            continue
        if not names_hosts(field.schema(version_of(spec))):
            found += _within(value)
        elif field.name not in own:
            found += map(_host, value if isinstance(value, list) else [value])
    return list(dict.fromkeys(found))


def _within(value: JSON) -> Iterator[str]:
    """The hosts of URLs, the addresses and the networks, anywhere in a member."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _within(item)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item)
    elif isinstance(value, str):
        host = _host_of_url(value) if "://" in value else value if as_network(value) else None
        if host:
            yield host


def _host_of_url(url: str) -> str | None:
    try:
        return urllib.parse.urlsplit(url).hostname
    except ValueError:
        return url


def _host(value: JSON) -> str:
    """A host without the port it may have."""
    text = str(value)
    name, colon, port = text.rpartition(":")
    return name.strip("[]") if colon and port.isdigit() and (name.count(":") == 0 or "]" in name) else text


def as_network(text: str) -> Network | None:
    """An address or a network; None for what is neither."""
    try:
        return ipaddress.ip_network(text.partition("%")[0].strip("[]"), strict=False)
    except ValueError:
        return None
