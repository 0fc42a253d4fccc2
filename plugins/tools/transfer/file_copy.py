"""Where tools that copy files may read and write on this machine (docs/contract/tools.md section 2).

Anybody may ask for a copy, so nothing is written but new files in folders kept for that, nothing is removed
but what a tool has made, and nothing is read but what an operator names.

``PSCHEDULER_COPY_TO``
    The folders in which copies may be made, separated by colons. Unset, it is one of the node's own among the
    temporary ones, made when it is needed.
``PSCHEDULER_COPY_FROM``
    The folders whose files may be copied. Unset, they are those in which copies may be made.
"""

import contextlib
import datetime as dt
import os
import pathlib
import stat
import tempfile
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import PluginFailed
from plugins.tools.web import fetched_urls

TIMEOUT = 10 * SECOND
OWN_FOLDER = "pscheduler-copies"


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


def dest_folders() -> list[str]:
    """Where copies may be made."""
    return _folders("PSCHEDULER_COPY_TO") or [_own_folder()]


def source_folders() -> list[str]:
    """Whose files may be copied."""
    return _folders("PSCHEDULER_COPY_FROM") or dest_folders()


def _folders(setting: str) -> list[str]:
    return [os.path.realpath(folder) for folder in os.environ.get(setting, "").split(":") if folder]


def _own_folder() -> str:
    """The node's own, made for nobody else to look into."""
    folder = os.path.join(os.path.realpath(tempfile.gettempdir()), OWN_FOLDER)
    with contextlib.suppress(OSError):
        os.mkdir(folder, 0o700)
    return folder


def _is_mine(folder: str) -> bool:
    """Whether a folder among the temporary ones, where anybody may have put it, is this user's."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _within(path: str, folders: Sequence[str]) -> bool:
    return any(path.startswith(f"{folder.rstrip('/')}/") for folder in folders)


def source_refusal(source: str) -> str | None:
    """Why a source is not read, where it is on this machine; None when it is."""
    path = local_path(source)
    if path is None:
        return None
    refusal = fetched_urls.refusal(as_url(source))
    if refusal or _within(os.path.realpath(path), source_folders()):
        return refusal
    return f"Does not copy files outside {', '.join(source_folders())}"


def dest_refusal(dest: str) -> str | None:
    """Why nothing is written to a destination on this machine; None when it is, or is elsewhere."""
    path = local_path(dest)
    if path is None:
        return None
    if not path.startswith("/") or "\0" in path or {".", ".."} & set(path.split("/")):
        return "Does not write to files without a plain absolute path"
    folders = dest_folders()
    parent = os.path.realpath(os.path.dirname(path))
    if not _within(f"{parent}/", folders) or not os.path.isdir(parent):
        return f"Does not write to files outside {', '.join(folders)}"
    if not os.environ.get("PSCHEDULER_COPY_TO") and not _is_mine(folders[0]):
        return f"{folders[0]} belongs to somebody else"
    return f"{path} exists already: nothing is overwritten" if os.path.lexists(path) else None


@contextlib.contextmanager
def made(dest: str, keep: bool) -> Iterator[BinaryIO]:
    """A new file to write a copy into, removed in the end unless it is to be kept and all went well.

    Raises PluginFailed where it cannot be made or written; one that is there already is left alone.
    """
    refusal = dest_refusal(dest)  # it may have changed since the tool was chosen
    if refusal:
        raise PluginFailed(refusal)
    path, kept = pathlib.Path(local_path(dest) or ""), False
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(number, "wb") as file:
            own = os.fstat(number)
            try:
                yield file
                file.flush()
                kept = keep
            finally:
                if not kept:
                    _remove(path, own)
    except OSError as error:
        raise PluginFailed(f"{dest} cannot be written: {error.strerror}") from error


def _remove(path: pathlib.Path, own: os.stat_result) -> None:
    """Remove a file, unless it is another than the one that was made."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.lstat(path), own):
            path.unlink()


@contextlib.contextmanager
def landed(dest: str, keep: bool) -> Iterator[str]:
    """A URL for a program to copy to: a new file of its own, put at the destination if it is to be kept.

    For a destination elsewhere it is that. Raises PluginFailed where the destination is there by then.
    """
    path, refusal = local_path(dest), dest_refusal(dest)
    if path is None:
        yield dest
        return
    if refusal:
        raise PluginFailed(refusal)
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=os.path.dirname(path)) as folder:
        written = os.path.join(folder, "copy")
        yield as_url(written)
        if keep and os.path.isfile(written):
            try:
                os.link(written, path)  # unlike a rename, this never replaces what is there
            except OSError as error:
                raise PluginFailed(f"{dest} cannot be written: {error.strerror}") from error
