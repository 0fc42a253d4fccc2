"""Which URLs are fetched: of http and https any that names a host, of files those that hold no secrets."""

import os
import pathlib
import re
import stat
import urllib.parse

from chalicelib.domain.errors import Invalid
from plugins.sdk import host_names

PORTS = {"http": 80, "https": 443}
"""The schemes besides ``file``, and where they are spoken."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", re.IGNORECASE)
_SECRET_FOLDERS = ("/dev", "/etc", "/media", "/proc", "/run", "/srv", "/sys", "/var")


def is_file(url: str) -> bool:
    """Whether a URL is that of a file of this host."""
    return urllib.parse.urlsplit(url).scheme == "file"


def whole(url: str) -> str:
    """A URL with what people leave out of it: one without a scheme is http's, as in a browser.

    The name of a host beyond ASCII is put in its ASCII form. Raises ValueError for one that has none.
    """
    full = url if _SCHEME.match(url) else f"http://{url}"
    parts = urllib.parse.urlsplit(full)
    if parts.netloc.isascii():
        return full
    credentials, at, place = parts.netloc.rpartition("@")
    try:
        host = host_names.in_ascii(place)
    except Invalid as error:
        raise ValueError(error.message) from error
    return urllib.parse.urlunsplit(parts._replace(netloc=credentials + at + host))


def refusal(url: str) -> str | None:
    """Why a URL is not fetched, as far as it can be told without doing so; None when it is."""
    found = form_refusal(url)
    if found or not is_file(url):
        return found
    return file_refusal(urllib.parse.urlsplit(url))


def form_refusal(url: str) -> str | None:
    """The same, as far as it can be told of the URL alone, on whichever machine."""
    try:
        url = whole(url)
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{url} is not a URL: {error}"
    if parts.scheme == "file":
        return _path_refusal(parts)
    if parts.scheme not in PORTS:
        return f"Does not fetch {parts.scheme}, only http, https and file"
    return None if parts.hostname and port != 0 else f"{url} names no host to contact"


def _path_refusal(parts: urllib.parse.SplitResult) -> str | None:
    path = pathlib.PurePosixPath(urllib.parse.unquote(parts.path))
    if parts.netloc not in ("", "localhost"):
        return "Does not fetch files of other hosts"
    if not path.is_absolute() or "\0" in str(path):
        return "Does not fetch files without an absolute path"
    # A PurePath drops the dots itself, so they are looked for in the text.
    if {".", ".."} & set(urllib.parse.unquote(parts.path).split("/")):
        return "Does not fetch files by way of . or .."
    return None


def file_refusal(parts: urllib.parse.SplitResult) -> str | None:
    """Why a file of this host is not fetched; None when it is."""
    found = _path_refusal(parts)
    if found:
        return found
    path = pathlib.PurePosixPath(urllib.parse.unquote(parts.path))
    real = os.path.realpath(path)
    if any(
        where.startswith(f"{folder}/") for folder in _SECRET_FOLDERS for where in (f"{real}/", f"{path}/")
    ):
        return f"Does not fetch files under {', '.join(_SECRET_FOLDERS)}"
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        return f"{path} is not a plain file"
    return None
