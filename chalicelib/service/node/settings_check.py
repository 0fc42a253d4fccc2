"""Whether the settings can be right, before anything is done with them."""

import os
import pathlib
import re
from collections.abc import Iterator

from chalicelib.domain import proxy_headers
from chalicelib.domain.errors import Invalid
from chalicelib.infrastructure.allowed_egress import rules
from chalicelib.settings import Settings, SettingsError, settings, variable

_NODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}")


def problems() -> list[str]:
    """What is wrong with the settings, a line each."""
    try:
        known = settings()
    except SettingsError as error:
        return [str(error)]
    return [*_of_names(known), *_of_peers(known), *_of_files(known), *_of_networks(known)]


def require() -> None:
    """Raises SettingsError with the first line, if there is one."""
    for problem in problems():
        raise SettingsError(problem)


def _of_names(known: Settings) -> Iterator[str]:
    if not _PREFIX.fullmatch(known.prefix):
        yield _must("prefix", "be letters, digits, dots, hyphens and underscores", known.prefix)
    for identity in known.identities:
        name = "node" if identity.node == known.node else "nodes"
        if not _NODE.fullmatch(identity.node):
            yield _must(name, "name nodes by letters, digits, dots, hyphens and underscores", identity.node)
        if not _HOST.fullmatch(identity.hostname):
            yield _must("hostname" if name == "node" else name, "be a host's name", identity.hostname)


def _of_peers(known: Settings) -> Iterator[str]:
    if known.url and not re.match(r"https?://[^/\s]+", known.url):
        yield _must("url", "begin with http:// or https:// and a host", known.url)
    if known.peer_scheme not in ("http", "https"):
        yield _must("peer_scheme", "be http or https", known.peer_scheme)
    if known.peer_port > 65535:
        yield _must("peer_port", "be a port, at most 65535", str(known.peer_port))


def _of_files(known: Settings) -> Iterator[str]:
    if known.peer_ca and not pathlib.Path(known.peer_ca).is_file():
        yield _must("peer_ca", "be an existing file", known.peer_ca)
    if known.default_archives and not pathlib.Path(known.default_archives).is_dir():
        yield _must("default_archives", "be an existing folder", known.default_archives)
    if os.environ.get("PSCHEDULER_LOG", "text") not in ("text", "json"):
        yield _must("log", "be text or json", os.environ["PSCHEDULER_LOG"])


def _of_networks(known: Settings) -> Iterator[str]:
    try:
        rules()
        proxy_headers.proxies(known.trusted_proxies)
    except Invalid as error:
        yield error.message


def _must(name: str, what: str, found: str) -> str:
    return f"{variable(name)}: must {what}; not {found!r}"
