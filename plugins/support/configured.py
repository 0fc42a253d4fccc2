"""What this node's operator has set for a tool, in perfSONAR's own files (docs/contract/tools.md section 4).

``/etc/pscheduler/tool/<tool>.conf`` has a section of the tool's name, with ``<tool>_cmd``, where its
program is, and ``server_port``, where its servers are to listen. ``PSCHEDULER_TOOL_SETTINGS`` names another
folder of such files.
"""

import configparser
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from chalicelib.domain import numerals
from plugins.sdk.jobs import Host
from plugins.sdk.programs import is_installed

FOLDER = "/etc/pscheduler/tool"


def settings(tool: str) -> Mapping[str, str]:
    """All that is set; nothing where there is no file, or none that can be read."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(_folder() / f"{tool}.conf", encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    return dict(parser[tool]) if parser.has_section(tool) else {}


def _folder() -> pathlib.Path:
    return pathlib.Path(os.environ.get("PSCHEDULER_TOOL_SETTINGS") or FOLDER)


@runtime_checkable
class Elsewhere(Protocol):
    """A host that is not this one, and says itself what is set there and which programs it has."""

    def setting(self, tool: str, name: str) -> str:
        """What is set for a tool; nothing where that is not."""
        ...

    def has_program(self, name: str) -> bool: ...


def _setting(host: Host | None, tool: str, name: str) -> str:
    return host.setting(tool, name) if isinstance(host, Elsewhere) else settings(tool).get(name, "")


def command(tool: str, argv: Sequence[str], host: Host | None = None) -> list[str]:
    """Arguments whose first, the program, is the one set for the tool, on this host or the one given."""
    return [_setting(host, tool, f"{tool}_cmd") or argv[0], *argv[1:]]


def missing(tool: str, program: str, host: Host | None = None) -> list[str]:
    """The reason to decline where the tool's program is not there."""
    (found,) = command(tool, [program], host)
    there = host.has_program(found) if isinstance(host, Elsewhere) else is_installed(found)
    return [] if there else [f"The program {found} is missing"]


def port(host: Host, tool: str, name: str, default: int) -> int:
    """A port that is set at a host, unless it is none."""
    text = _setting(host, tool, name)
    number = numerals.whole(text, 5) or 0
    return number if 0 < number < 65536 else default
