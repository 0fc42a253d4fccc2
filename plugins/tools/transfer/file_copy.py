"""Where tools that copy files may read and write on this machine (contract/tools.md section 2).

Anybody may ask for a copy, so nothing is written but into the folder for temporary files, and nothing is
read that the tool curl would not fetch.
"""

import contextlib
import datetime as dt
import os
import pathlib
import stat
import tempfile
import urllib.parse

from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.base import Spec
from plugins.tools.web import fetch

TIMEOUT = 10 * SECOND


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def as_url(place: str) -> str:
    """A URL as it is, an absolute path as a URL."""
    return f"file://{urllib.parse.quote(place)}" if place.startswith("/") else place


def local_path(place: str) -> str | None:
    """The path of a place on this machine; None for one elsewhere."""
    if place.startswith("/"):
        return place
    try:
        parts = urllib.parse.urlsplit(place)
    except ValueError:
        return None
    return urllib.parse.unquote(parts.path) if parts.scheme == "file" else None


def source_refusal(source: str) -> str | None:
    """Why a source is not read, where it is on this machine; None when it is."""
    return None if local_path(source) is None else fetch.refusal(as_url(source))


def dest_refusal(dest: str) -> str | None:
    """Why nothing is written to a destination on this machine; None when it is, or is elsewhere."""
    path = local_path(dest)
    if path is None:
        return None
    if not path.startswith("/") or "\0" in path or {".", ".."} & set(path.split("/")):
        return "Does not write to files without a plain absolute path"
    folder = os.path.realpath(tempfile.gettempdir())
    parent = os.path.realpath(os.path.dirname(path))
    if not f"{parent}/".startswith(f"{folder}/") or not os.path.isdir(parent):
        return f"Does not write to files outside the folders under {folder}"
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        return f"{path} is not a plain file"
    return None


def same_file(source: str, dest: str) -> bool:
    """Whether two places are one file here, which copying would empty."""
    paths = local_path(source), local_path(dest)
    return None not in paths and os.path.realpath(paths[0] or "") == os.path.realpath(paths[1] or "")


def remove(dest: str) -> None:
    """Remove the copy, where it is on this machine and a plain file."""
    path = local_path(dest)
    if path is not None and dest_refusal(dest) is None:
        with contextlib.suppress(OSError):
            pathlib.Path(path).unlink()
