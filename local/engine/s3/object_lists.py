"""Lists of objects, in the order of their keys' UTF-8 bytes, those below a delimiter as one prefix."""

import base64
import dataclasses
import sqlite3
import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError
from local.engine.s3 import buckets

if TYPE_CHECKING:
    from local.engine.engine import Engine

MOST = 1000
_STEP = 500
_BEHIND_ALL = b"\xff"
"""No key has this byte, so whatever begins with a prefix comes before the prefix with it."""
Entry = tuple[bool, tuple[Any, ...]]
"""Whether it is a common prefix, and that alone or an object's key, size, tag and instant."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What a list is to hold."""

    bucket: str
    prefix: bytes
    delimiter: bytes
    behind: bytes
    most: int


def listed(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    """ListObjectsV2."""
    token = params.get("ContinuationToken")
    wanted = Wanted(
        params["Bucket"],
        params.get("Prefix", "").encode(),
        params.get("Delimiter", "").encode(),
        params.get("StartAfter", "").encode() if token is None else _decoded(token),
        min(params.get("MaxKeys", MOST), MOST),
    )
    found, truncated = _found(engine, wanted)
    answer: dict[str, Any] = {
        "IsTruncated": truncated,
        "Name": params["Bucket"],
        "Prefix": params.get("Prefix", ""),
        "MaxKeys": wanted.most,
        "KeyCount": len(found),
    }
    url = params.get("EncodingType") == "url"
    contents = [_described(row, url) for is_prefix, row in found if not is_prefix]
    prefixes = [{"Prefix": _spelled(row[0], url)} for is_prefix, row in found if is_prefix]
    if truncated:
        answer["NextContinuationToken"] = base64.urlsafe_b64encode(_last(found[-1])).decode()
    optional = {
        "Contents": contents,
        "CommonPrefixes": prefixes,
        **{
            name: params.get(name)
            for name in ("Delimiter", "ContinuationToken", "StartAfter", "EncodingType")
        },
    }
    return answer | {name: value for name, value in optional.items() if value}


def _decoded(token: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(token.encode())
    except ValueError as error:
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect") from error


def _last(entry: Entry) -> bytes:
    is_prefix, row = entry
    key: bytes = row[0]
    return key + _BEHIND_ALL if is_prefix else key


def _found(engine: "Engine", wanted: Wanted) -> tuple[list[Entry], bool]:
    """Entries in order, and whether there are more."""
    found: list[Entry] = []
    with engine.database.snapshot() as link:
        buckets.require(link, wanted.bucket)
        entries = _entries(link, wanted)
        for entry in entries:
            if len(found) == wanted.most:
                return found, bool(wanted.most)
            found.append(entry)
    return found, False


def _entries(link: sqlite3.Connection, wanted: Wanted) -> Iterator[Entry]:
    behind, delimiter = wanted.behind, wanted.delimiter
    while True:
        rows = link.execute(
            "SELECT key, size, etag, modified FROM s3_objects WHERE bucket=? AND key>? AND key>=?"
            " ORDER BY key LIMIT ?",
            (wanted.bucket, behind, wanted.prefix, _STEP),
        ).fetchall()
        for row in rows:
            key = row[0]
            if not key.startswith(wanted.prefix):
                return
            cut = key.find(delimiter, len(wanted.prefix)) if delimiter else -1
            if cut >= 0:
                common = key[: cut + len(delimiter)]
                yield True, (common,)
                behind = common + _BEHIND_ALL
                break  # on behind all that begins so
            yield False, row
            behind = key
        else:
            if len(rows) < _STEP:
                return


def _spelled(key: bytes, url: bool) -> str:
    return urllib.parse.quote(key) if url else key.decode()


def _described(row: tuple[Any, ...], url: bool) -> dict[str, Any]:
    key, size, etag, modified = row
    return {
        "Key": _spelled(key, url),
        "LastModified": buckets.instant(modified),
        "ETag": f'"{etag}"',
        "Size": size,
        "StorageClass": "STANDARD",
    }
