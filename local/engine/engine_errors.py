"""What can go wrong in the engine.

EngineError           for the operator: one line
  DamagedFile
  NewerFile
  ForeignFile
ServiceError          for the client, in the terms of AWS: botocore raises it as a ClientError
"""

import contextlib
import os
import pathlib
import sqlite3
from collections.abc import Iterator
from typing import Any


class EngineError(Exception):
    """The file cannot be used; the message is one line that says why. Nothing was changed."""


class DamagedFile(EngineError):
    """The file is not what was written."""


class NewerFile(EngineError):
    """The file was made by a later version."""


class ForeignFile(EngineError):
    """The file is a database of something else."""


class ServiceError(Exception):
    """An answer of a service that is an error; ``more`` are its members besides code and message."""

    def __init__(self, code: str, message: str, status: int = 400, **more: Any):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.more = more


STORAGE_FULL = "StorageFull"
"""The code of a write that found no space, with status 507: nothing of it was stored."""
STORAGE_DAMAGED = "StorageDamaged"
STORAGE_LOST = "StorageLost"
"""The code of a write to a file that is not where it was opened any more, with status 503."""
STORAGE_BUSY = "ServiceUnavailable"
"""The code of a write that others kept from its turn for the whole busy time-out, with status 503."""
_SPARE = 1 << 20
"""Bytes free on a file system below which an I/O error is put down to its being full."""


def invalid(message: str) -> ServiceError:
    """DynamoDB's answer to a request that makes no sense."""
    return ServiceError("ValidationException", message)


def unknown(service: str, what: str) -> ServiceError:
    """The answer to what the engine does not do; an operation, or a parameter of one."""
    return ServiceError("UnknownOperation", f"The embedded engine does not know {service} {what}", 501)


def lost(name: str) -> ServiceError:
    """The answer to a write to a file that is not the one of that name any more."""
    why = "was removed or replaced while it was in use"
    return ServiceError(STORAGE_LOST, f"{os.path.basename(name)} {why}; nothing was stored", 503)


@contextlib.contextmanager
def storage_errors(path: pathlib.Path) -> Iterator[None]:
    """Raise what SQLite says of its file as a ServiceError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        found = _storage_error(path, str(error))
        if found is None:
            raise
        raise found from error


def _storage_error(path: pathlib.Path, text: str) -> ServiceError | None:
    # By text: SQLite's error codes reach Python from 3.11 on only.
    if "is full" in text or ("I/O error" in text and _no_space(path)):
        return ServiceError(STORAGE_FULL, f"There is no space left for {path.name}; nothing was stored", 507)
    if "is locked" in text or "is busy" in text:
        return ServiceError(STORAGE_BUSY, f"{path.name} is kept busy by others; nothing was stored", 503)
    if "malformed" in text or "not a database" in text:
        return ServiceError(STORAGE_DAMAGED, f"{path.name} is damaged: {text}", 500)
    if "I/O error" in text or "unable to open" in text or "readonly" in text:
        return ServiceError("InternalServerError", f"{path.name} cannot be used: {text}", 500)
    return None


def _no_space(path: pathlib.Path) -> bool:
    try:
        where = os.statvfs(path.parent)
    except OSError:
        return False
    return where.f_bavail * where.f_frsize < _SPARE
