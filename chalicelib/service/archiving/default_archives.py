"""Archives that every task of this node has besides its own: the documents of a folder.

``PSCHEDULER_DEFAULT_ARCHIVES`` names it. It is read again once anything in it has changed; a document that
is no archive is left out, and the log says so (docs/contract/archivers.md section 2).
"""

import json
import logging
import os
import pathlib
import stat
import threading
from collections.abc import Sequence

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.specs import check_archive
from chalicelib.service.archiving import archive_specs
from chalicelib.settings import settings

LOG = logging.getLogger(__name__)
LARGEST = 100_000
"""Bytes of one document."""

_Stamp = tuple[tuple[str, int, int], ...]
_reading = threading.Lock()
_read: dict[str, tuple[_Stamp, Sequence[JSON]]] = {}


def current() -> Sequence[JSON]:
    """The archives in the folder, in the order of their names; none where there is no folder."""
    folder = settings().default_archives
    if not folder:
        return ()
    with _reading:
        files = _files(pathlib.Path(folder))
        stamp = tuple((path.name, found.st_mtime_ns, found.st_size) for path, found in files)
        known = _read.get(folder)
        if known is None or known[0] != stamp:
            known = _read[folder] = stamp, _archives([path for path, _ in files])
        return known[1]


def _files(folder: pathlib.Path) -> list[tuple[pathlib.Path, os.stat_result]]:
    try:
        found = [(path, path.stat()) for path in sorted(folder.iterdir())]
    except OSError as error:
        LOG.warning("The default archives in %s cannot be read: %s", folder, error.strerror)
        return []
    return [(path, status) for path, status in found if stat.S_ISREG(status.st_mode)]


def _archives(paths: Sequence[pathlib.Path]) -> Sequence[JSON]:
    found = []
    for path in paths:
        try:
            found.append(_archive(path))
        except (Invalid, OSError, ValueError, RecursionError) as error:
            LOG.warning("The default archive %s is left out: %s", path, error)
    if len(found) > archive_specs.MOST:
        LOG.warning("Of %d default archives the first %d are used", len(found), archive_specs.MOST)
    return found[: archive_specs.MOST]


def _archive(path: pathlib.Path) -> JSON:
    """Raises Invalid, ValueError or OSError for what is no archive."""
    if path.stat().st_size > LARGEST:
        raise Invalid(f"has more than {LARGEST} bytes")
    archive = json.loads(path.read_text())
    check_archive(archive)
    archive_specs.require_deliverable(archive)
    return archive
