"""Buckets, and how long they keep what is in them."""

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local.engine.engine_errors import ServiceError, unknown

if TYPE_CHECKING:
    from local.engine.engine import Engine

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")


def require(link: sqlite3.Connection, name: str) -> None:
    """Raise NoSuchBucket unless there is one."""
    if link.execute("SELECT 1 FROM s3_buckets WHERE name=?", (name,)).fetchone() is None:
        raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404, BucketName=name)


def create(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    name = params["Bucket"]
    if not _NAME.match(name):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.")
    with engine.database.writing() as link:
        # In us-east-1 whoever has a bucket may make it again.
        link.execute("INSERT OR IGNORE INTO s3_buckets(name, created) VALUES(?, ?)", (name, engine.clock()))
    return {"Location": f"/{name}"}


def head(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        found = link.execute("SELECT 1 FROM s3_buckets WHERE name=?", (params["Bucket"],)).fetchone()
    if found is None:
        raise ServiceError("404", "Not Found", 404)
    return {"BucketRegion": "us-east-1", "AccessPointAlias": False}


def listed(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        found = link.execute("SELECT name, created FROM s3_buckets ORDER BY name").fetchall()
    return {
        "Buckets": [{"Name": name, "CreationDate": instant(created)} for name, created in found],
        "Owner": {"ID": "engine"},
    }


def instant(second: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(second), dt.timezone.utc)


def delete(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    name = params["Bucket"]
    with engine.database.writing() as link:
        require(link, name)
        if link.execute("SELECT 1 FROM s3_objects WHERE bucket=? LIMIT 1", (name,)).fetchone():
            raise ServiceError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
        link.execute("DELETE FROM s3_buckets WHERE name=?", (name,))
    return {}


def put_lifecycle(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    rules = params["LifecycleConfiguration"]["Rules"]
    for rule in rules:
        _require_rule(rule)
    with engine.database.writing() as link:
        require(link, params["Bucket"])
        link.execute("UPDATE s3_buckets SET lifecycle=? WHERE name=?", (json.dumps(rules), params["Bucket"]))
    return {}


def _require_rule(rule: Mapping[str, Any]) -> None:
    known = {"ID", "Prefix", "Filter", "Status", "Expiration"}
    if set(rule) - known or set(rule.get("Filter") or {}) - {"Prefix"}:
        raise unknown("S3", "lifecycle rules other than expiration after days, by prefix")
    if not (rule.get("Expiration") or {}).get("Days"):
        raise unknown("S3", "lifecycle rules other than expiration after days, by prefix")


def lifecycle(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.reading() as link:
        require(link, params["Bucket"])
        (text,) = link.execute(
            "SELECT lifecycle FROM s3_buckets WHERE name=?", (params["Bucket"],)
        ).fetchone()
    if text is None:
        raise ServiceError("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist", 404)
    return {"Rules": json.loads(text)}


def delete_lifecycle(engine: "Engine", params: dict[str, Any]) -> dict[str, Any]:
    with engine.database.writing() as link:
        require(link, params["Bucket"])
        link.execute("UPDATE s3_buckets SET lifecycle=NULL WHERE name=?", (params["Bucket"],))
    return {}


def expire(link: sqlite3.Connection, now: float, at_once: int) -> int:
    """Remove what is older than its bucket keeps it, so many of a rule; the most that a rule removed."""
    found = link.execute("SELECT name, lifecycle FROM s3_buckets WHERE lifecycle IS NOT NULL").fetchall()
    rules = [(name, rule) for name, text in found for rule in json.loads(text)]
    enabled = [(name, rule) for name, rule in rules if rule["Status"] == "Enabled"]
    return max((_expire(link, name, rule, now, at_once) for name, rule in enabled), default=0)


def _expire(link: sqlite3.Connection, name: str, rule: Mapping[str, Any], now: float, at_once: int) -> int:
    prefix = ((rule.get("Filter") or {}).get("Prefix") or rule.get("Prefix") or "").encode()
    removed = link.execute(
        "DELETE FROM s3_objects WHERE id IN (SELECT id FROM s3_objects WHERE bucket=? AND modified<?"
        " AND substr(key, 1, ?)=? ORDER BY modified LIMIT ?)",
        (name, now - 86400 * rule["Expiration"]["Days"], len(prefix), prefix, at_once),
    )
    return removed.rowcount
