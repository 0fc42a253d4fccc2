"""What the environment decides: names, limits, and who this node is. Read once, imported by all.

A leaf: it imports nothing of the product. The variables are set in ``.chalice/config.json`` and by
``local/``; docs/deploy.md lists them.
"""

import dataclasses
import functools
import os
import socket


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
    """Seconds a tool may take, all in all; 0 where nothing limits it. On Lambda 840."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may use the API from a browser, separated by commas; * for all."""
    verify_tls: bool = False
    """Whether the certificates of other nodes are checked."""

    @property
    def base_url(self) -> str:
        """The API root, for hrefs that leave the node outside a request."""
        return self.url or f"https://{self.hostname}/pscheduler"


def _read(field: "dataclasses.Field[object]") -> object:
    text = os.environ.get(f"PSCHEDULER_{field.name.upper()}")
    if text is None:
        return field.default
    if isinstance(field.default, bool):
        return text.lower() in ("1", "true", "yes")
    if isinstance(field.default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return int(text) if isinstance(field.default, int) else text


@functools.cache
def settings() -> Settings:
    """The settings of this process."""
    read = {field.name: _read(field) for field in dataclasses.fields(Settings)}
    return Settings(**{**read, "hostname": read["hostname"] or socket.gethostname()})  # type: ignore[arg-type]
