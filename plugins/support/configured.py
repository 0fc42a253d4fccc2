"""What this node's operator has set for a tool, in perfSONAR's own files (docs/contract/tools.md section 4).

``/etc/pscheduler/tool/<tool>.conf`` has a section of the tool's name, with ``<tool>_cmd``, where its
program is, and ``server_port``, where its servers are to listen. ``PSCHEDULER_TOOL_SETTINGS`` names another
folder of such files.
"""

import configparser
import os
import pathlib
import shutil
from collections.abc import Mapping, Sequence

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


def command(tool: str, argv: Sequence[str]) -> list[str]:
    """Arguments whose first, the program, is the one set for the tool."""
    return [settings(tool).get(f"{tool}_cmd") or argv[0], *argv[1:]]


def missing(tool: str, program: str) -> list[str]:
    """The reason to decline where the tool's program is not there."""
    (found,) = command(tool, [program])
    return [] if shutil.which(found) else [f"The program {found} is missing"]


def port(tool: str, name: str, default: int) -> int:
    """A port that is set, unless it is none."""
    text = settings(tool).get(name, "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    return number if 0 < number < 65536 else default
