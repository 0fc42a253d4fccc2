"""postgresql: inserts results into a column of a table (docs/contract/archivers.md section 6).

Every result has a connection of its own, so ``connection-expires`` is taken and has nothing to say.
"""

import contextlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.domain import numerals
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, sayings

if TYPE_CHECKING:
    import socket
    import ssl

TIMEOUT = 30
"""Seconds to connect, and for each answer, where the DSN has no connect_timeout."""
LONGEST_ATTEMPT = 60
"""Seconds that a delivery may take, whatever the DSN says: a worker waits meanwhile."""

_IDENTIFIER = pattern(
    r"[A-Za-z_][A-Za-z0-9_$]{0,62}", "{value!r} is not a name of at most 63 letters, digits, _ and $"
)
_SETTING = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))\s*")
_NAMES = {"dbname": "database", "user": "user", "password": "password", "host": "host", "port": "port"}
_ALSO = {"application_name", "connect_timeout", "sslmode"}
_LOOSE, _STRICT = ("require", "prefer"), ("verify-ca", "verify-full")


def deliver(parcel: Parcel) -> Outcome:
    """Insert the result as JSON text.

    A DSN that cannot be read fails for good, all else as the retry policy says.
    """
    import pg8000.dbapi

    try:
        where = parse_dsn(parcel.data["_dsn"])
    except Invalid as error:
        return Outcome(False, error.message)
    try:
        _insert(parcel, where)
    except guarded_connections.Refused as error:
        return Outcome(False, error.message)
    except (pg8000.dbapi.Error, guarded_connections.Unresolvable, OSError) as error:
        again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
        return Outcome(False, _said(error), again)
    return Outcome(True)


def _insert(parcel: Parcel, where: dict[str, Any]) -> None:
    import pg8000.dbapi

    # Their types let nothing but plain names through; unquoted, as PostgreSQL takes them in any case.
    table, column = parcel.data["table"], parcel.data["column"]
    with guarded_connections.ending(LONGEST_ATTEMPT), _line(where) as end:
        connection = pg8000.dbapi.connect(**where, sock=end)
        try:
            cursor = connection.cursor()
            cursor.execute(
                f"INSERT INTO {table} ({column}) VALUES (%s)",  # noqa: S608
                (json.dumps(parcel.result),),
            )
            connection.commit()
        finally:
            with contextlib.suppress(OSError, pg8000.dbapi.Error):  # of a line that is cut already
                connection.close()


def _line(where: dict[str, Any]) -> contextlib.AbstractContextManager["socket.socket | None"]:
    """A connection to the server; none for the socket of a server here, which the library opens itself."""
    if "unix_sock" in where:
        guarded_connections.check("127.0.0.1", None)  # a socket of this machine is this machine
        return contextlib.nullcontext()
    return guarded_connections.create_connection(
        where.get("host") or "localhost", where["port"], where["timeout"]
    )


def _said(error: Exception) -> str:
    # The server's own errors come as a dictionary of its protocol: M is the message.
    first = error.args[0] if error.args else error
    if isinstance(first, dict):
        return str(first.get("M", "the server refused, and did not say why"))
    return sayings.said(error)


def parse_dsn(text: str) -> dict[str, Any]:
    """A libpq connection string, of settings or as a URI -> arguments of pg8000's connect.

    Raises Invalid, which never shows the text: it may hold a password.
    """
    given = _from_uri(text) if re.match(r"postgres(ql)?://", text) else _from_settings(text)
    if not set(given) <= {*_NAMES, *_ALSO}:
        raise Invalid(f"_dsn: can only have the settings {', '.join(sorted({*_NAMES, *_ALSO}))}")
    found: dict[str, Any] = {_NAMES[name]: value for name, value in given.items() if name in _NAMES}
    found["user"] = found.get("user") or "postgres"
    found["port"] = _number("port", given.get("port") or "5432")
    wanted = _number("connect_timeout", given.get("connect_timeout") or str(TIMEOUT))
    found["timeout"] = min(wanted or LONGEST_ATTEMPT, LONGEST_ATTEMPT)  # 0 is to wait for ever
    if found.get("host", "").startswith("/"):
        found["unix_sock"] = f"{found.pop('host')}/.s.PGSQL.{found['port']}"
    if "application_name" in given:
        found["application_name"] = given["application_name"]
    return {**found, "ssl_context": _tls(given.get("sslmode", "prefer"))}


def _from_settings(text: str) -> dict[str, str]:
    given, at = {}, 0
    while at < len(text):
        found = _SETTING.match(text, at)
        if not found or found.end() == at:
            raise Invalid("_dsn: must be settings such as host=db dbname=results, or a URI")
        name, quoted, plain = found.groups()
        given[name] = re.sub(r"\\(.)", r"\1", plain if quoted is None else quoted)
        at = found.end()
    return given


def _from_uri(text: str) -> dict[str, str]:
    try:
        url = urllib.parse.urlsplit(text)
        parts = {
            "host": url.hostname,
            "port": str(url.port) if url.port else None,
            "user": url.username,
            "password": url.password,
            "dbname": url.path[1:],
        }
    except ValueError as error:
        raise Invalid("_dsn: must be a URI such as postgresql://user@host/database") from error
    given = {name: urllib.parse.unquote(value) for name, value in parts.items() if value}
    return {**given, **dict(urllib.parse.parse_qsl(url.query))}


def _number(name: str, text: str) -> int:
    number = numerals.whole(text, 5)
    if number is None:
        raise Invalid(f"_dsn: {name} must be a number of at most five digits")
    return number


def _tls(mode: str) -> "ssl.SSLContext | bool | None":
    """What pg8000 is to do about TLS: None tries it, True insists on it, False leaves it."""
    if mode in ("disable", "allow"):
        return False
    if mode == "prefer":
        return None
    if mode not in (*_LOOSE, *_STRICT):
        raise Invalid(
            f"_dsn: sslmode must be one of disable, allow, prefer, {', '.join((*_LOOSE[:1], *_STRICT))}"
        )
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for a DSN that cannot be read, never showing it."""
    try:
        parse_dsn(data["_dsn"])
    except Invalid as error:
        raise Invalid(error.message.removeprefix("_dsn: "), "/_dsn") from error


ARCHIVER = Archiver(
    name="postgresql",
    label="PostgreSQL",
    description="Send results to a column in PostgreSQL",
    data={
        1: closed(
            {
                "schema": TYPES["Cardinal"],
                "_dsn": TYPES["String"],
                "table": _IDENTIFIER,
                "column": _IDENTIFIER,
                "connection-expires": TYPES["Duration"],
                "retry-policy": TYPES["RetryPolicy"],
            },
            required=("_dsn", "table", "column"),
        )
    },
    deliver=deliver,
    check=check,
)
