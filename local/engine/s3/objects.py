"""Objects: put, read in whole or part, described, copied, removed."""

import base64
import hashlib
import io
import json
import re
import sqlite3
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.response import StreamingBody

from local.engine.engine_errors import ServiceError
from local.engine.s3 import buckets

if TYPE_CHECKING:
    from local.engine.engine import Engine

LARGEST = 256 << 20
"""Bytes an object may have: it is one value in SQLite."""
LONGEST_KEY = 1024
HEADERS = (
    "ContentType",
    "ContentEncoding",
    "ContentDisposition",
    "ContentLanguage",
    "CacheControl",
    "Metadata",
)
"""What is kept with an object and told with it."""
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)\Z")


def _missing(key: str) -> ServiceError:
    return ServiceError("NoSuchKey", "The specified key does not exist.", 404, Key=key)


def put(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    body = _content(params.get("Body", b""))
    _require_digest(body, params.get("ContentMD5"))
    if params.get("IfNoneMatch", "*") != "*":
        raise ServiceError("NotImplemented", "IfNoneMatch can only be * when putting an object", 501)
    headers = {name: params[name] for name in HEADERS if params.get(name)}
    with engine.database.writing() as link:
        buckets.require(link, params["Bucket"])
        known = _found(link, params)
        if "IfNoneMatch" in params and known is not None:
            raise _precondition("If-None-Match")
        if "IfMatch" in params:
            if known is None:
                raise _missing(params["Key"])
            if params["IfMatch"].strip('"') != known["etag"]:
                raise _precondition("If-Match")
        etag = _store(link, params, body, headers, engine.clock())
    engine.sweep()
    return {"ETag": f'"{etag}"'}


def _content(body: Any) -> bytes:
    content = body.read() if hasattr(body, "read") else body
    found = content.encode() if isinstance(content, str) else bytes(content)
    if len(found) > LARGEST:
        raise ServiceError("EntityTooLarge", f"An object may have {LARGEST} bytes at most here")
    return found


def _require_digest(body: bytes, said: str | None) -> None:
    if said is None:
        return
    if said != base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode():
        raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")


def _precondition(condition: str) -> ServiceError:
    return ServiceError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        412,
        Condition=condition,
    )


def _store(
    link: sqlite3.Connection, where: Mapping[str, Any], body: bytes, headers: Mapping[str, Any], now: float
) -> str:
    """Write an object in place of any before it; its entity tag."""
    name = where["Key"].encode()
    if not name or len(name) > LONGEST_KEY:
        raise ServiceError("KeyTooLongError", "Your key is too long")
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    link.execute(
        "INSERT INTO s3_objects(bucket, key, size, etag, modified, headers, body) VALUES(?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT(bucket, key) DO UPDATE SET size=excluded.size, etag=excluded.etag,"
        " modified=excluded.modified, headers=excluded.headers, body=excluded.body",
        (where["Bucket"], name, len(body), etag, now, json.dumps(headers), body),
    )
    return etag


def _found(link: sqlite3.Connection, params: Mapping[str, Any]) -> dict[str, Any] | None:
    row = link.execute(
        "SELECT id, size, etag, modified, headers FROM s3_objects WHERE bucket=? AND key=?",
        (params["Bucket"], params["Key"].encode()),
    ).fetchone()
    return None if row is None else dict(zip(("id", "size", "etag", "modified", "headers"), row, strict=True))


def get(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.snapshot() as link:
        buckets.require(link, params["Bucket"])
        known = _found(link, params)
        if known is None:
            raise _missing(params["Key"])
        _require_conditions(known, params)
        part = _range(params.get("Range"), known["size"])
        first, last = part or (0, known["size"] - 1)
        (body,) = link.execute(
            "SELECT coalesce(substr(body, ?, ?), x'') FROM s3_objects WHERE id=?",
            (first + 1, last - first + 1, known["id"]),
        ).fetchone()
    answer = {**_described(known), "ContentLength": len(body)}
    if part:
        answer["ContentRange"] = f"bytes {first}-{last}/{known['size']}"
    return {**answer, "Body": StreamingBody(io.BytesIO(body), len(body))}


def head(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        known = _found(link, params)
    if known is None:
        raise ServiceError("404", "Not Found", 404)
    _require_conditions(known, params)
    return {**_described(known), "ContentLength": known["size"]}


def _described(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "AcceptRanges": "bytes",
        "LastModified": buckets.instant(known["modified"]),
        "ETag": f'"{known["etag"]}"',
        "ContentType": "binary/octet-stream",
        "Metadata": {},
        **json.loads(known["headers"]),
    }


def _require_conditions(known: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    if "IfMatch" in params and params["IfMatch"].strip('"') != known["etag"]:
        raise _precondition("If-Match")
    if "IfNoneMatch" in params and params["IfNoneMatch"].strip('"') in {known["etag"], "*"}:
        raise ServiceError("304", "Not Modified", 304)


def _range(text: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None for everything, as of one that is none."""
    found = _RANGE.match(text) if text else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = int(found[2])
        if length and not size:
            return None  # all there is of what is empty
        first, last = max(0, size - length), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    if first > last:
        raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416)
    return first, last


def copy(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    source = _source(params["CopySource"])
    with engine.database.writing() as link:
        buckets.require(link, source["Bucket"])
        buckets.require(link, params["Bucket"])
        known = _found(link, source)
        if known is None:
            raise _missing(source["Key"])
        (body,) = link.execute("SELECT body FROM s3_objects WHERE id=?", (known["id"],)).fetchone()
        replaced = params.get("MetadataDirective", "COPY") == "REPLACE"
        headers = {name: params[name] for name in HEADERS if params.get(name)}
        now = engine.clock()
        etag = _store(link, params, body, headers if replaced else json.loads(known["headers"]), now)
    return {"CopyObjectResult": {"ETag": f'"{etag}"', "LastModified": buckets.instant(now)}}


def _source(given: Any) -> dict[str, str]:
    if not isinstance(given, str):
        return {"Bucket": given["Bucket"], "Key": given["Key"]}
    bucket, _, key = urllib.parse.unquote(given).lstrip("/").partition("/")
    return {"Bucket": bucket, "Key": key}


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    """What is not there is removed as well as what is."""
    with engine.database.writing() as link:
        buckets.require(link, params["Bucket"])
        _delete(link, params["Bucket"], params["Key"])
    return {}


def _delete(link: sqlite3.Connection, bucket: str, key: str) -> None:
    link.execute("DELETE FROM s3_objects WHERE bucket=? AND key=?", (bucket, key.encode()))


def delete_many(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    wanted = params["Delete"]["Objects"]
    if not 1 <= len(wanted) <= 1000:
        raise ServiceError("MalformedXML", "A request removes between 1 and 1000 objects")
    with engine.database.writing() as link:
        buckets.require(link, params["Bucket"])
        for one in wanted:
            _delete(link, params["Bucket"], one["Key"])
    return {} if params["Delete"].get("Quiet") else {"Deleted": [{"Key": one["Key"]} for one in wanted]}
