import getpass
import json
import os
import pathlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pg8000.dbapi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import parse_duration
from plugins.archivers import postgresql
from plugins.archivers.postgresql import parse_dsn
from plugins.sdk.base import Outcome, Parcel

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
NOBODY = "nobody"


def deliver(dsn: str, result: Any = None, table: str = "results", **more: Any) -> Outcome:
    return postgresql.deliver(Parcel({"_dsn": dsn, "table": table, "column": "content", **more}, result))


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"_dsn": "dbname=x", "table": "t", "column": "c"}, True),
        (
            {"schema": 1, "_dsn": "", "table": "T_1", "column": "c", "connection-expires": "PT1H", **RETRY},
            True,
        ),
        ({}, False),
        ({"_dsn": "dbname=x", "table": "t"}, False),
        ({"_dsn": "dbname=x", "table": "t; DROP TABLE t", "column": "c"}, False),
        ({"_dsn": "dbname=x", "table": "t" * 64, "column": "c"}, False),
        ({"_dsn": "dbname=x", "table": "t", "column": "1c"}, False),
        ({"schema": 2, "_dsn": "dbname=x", "table": "t", "column": "c"}, False),
    ],
)
def test_settings_are_checked(data: dict[str, Any], valid: bool) -> None:
    assert (postgresql.ARCHIVER.data_versions.problem(data) is None) == valid


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("", {"user": "postgres", "port": 5432, "timeout": 30}),
        ("dbname=x", {"database": "x"}),
        ("host = db port=5433 user='a b' password='it\\'s'", {"host": "db", "port": 5433, "user": "a b"}),
        ("password='it\\'s'", {"password": "it's"}),
        ("host=/run/pg port=6000", {"unix_sock": "/run/pg/.s.PGSQL.6000"}),
        ("postgresql://u:p%40@db:5433/x", {"user": "u", "password": "p@", "host": "db", "database": "x"}),
        ("postgres://db/x?connect_timeout=3&application_name=me", {"timeout": 3, "application_name": "me"}),
        ("postgresql://[::1]/x", {"host": "::1"}),
        ("sslmode=disable", {"ssl_context": False}),
        ("sslmode=prefer", {"ssl_context": None}),
    ],
)
def test_reads_connection_strings_as_libpq_does(dsn: str, expected: dict[str, Any]) -> None:
    found = parse_dsn(dsn)

    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("mode", "checks"), [("require", False), ("verify-ca", False), ("verify-full", True)]
)
def test_tls_is_as_strict_as_asked(mode: str, checks: bool) -> None:
    assert parse_dsn(f"sslmode={mode}")["ssl_context"].check_hostname == checks


@pytest.mark.parametrize(
    "dsn",
    [
        "secret",
        "password=secret wibble=1",
        "password='secret",
        "port=secret",
        "postgresql://u:secret@db:port/x",
        "postgresql://u:secret@[::/x",
        "password=secret sslmode=maybe",
    ],
)
def test_refuses_for_good_what_it_cannot_read_and_never_shows_it(dsn: str) -> None:
    outcome = deliver(dsn, **RETRY)

    assert (outcome.succeeded, outcome.retry) == (False, None)
    assert (outcome.error or "").startswith("_dsn: ")
    assert "secret" not in (outcome.error or "")


@given(st.text(max_size=60) | st.from_regex(r"postgres(ql)?://.{0,30}", fullmatch=True))
def test_any_connection_string_is_read_or_refused(text: str) -> None:
    try:
        said = f"_dsn: port {parse_dsn(text)['port']}"
    except Invalid as error:
        said = error.message

    assert said.startswith("_dsn: ")


def test_nobody_there_is_tried_again_as_the_policy_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    outcome = deliver(f"host=127.0.0.1 port={port} password=secret", **RETRY)

    assert (outcome.succeeded, outcome.retry) == (False, parse_duration("PT1M"))
    assert "secret" not in (outcome.error or "")


def as_somebody(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *command] if os.getuid() == 0 else [*command]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a PostgreSQL of its own, on a socket of its own."""
    if not PROGRAMS or (os.getuid() == 0 and not shutil.which("setpriv")):
        pytest.skip("there is no PostgreSQL server here")
    bin_, folder = PROGRAMS[-1], pathlib.Path("/tmp") / f"pg-{os.getpid()}"  # sockets need short paths
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    data, log = folder / "data", str(folder / "log")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": folder}
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    control = as_somebody(str(bin_ / "pg_ctl"), "-D", str(data), "-l", log, "-w")
    user = NOBODY if os.getuid() == 0 else getpass.getuser()
    try:
        subprocess.run(as_somebody(str(bin_ / "initdb"), "-A", "trust", "-D", str(data)), check=True, **quiet)
        subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
        yield f"host={folder} user={user} dbname=postgres"
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ask(dsn: str, statement: str) -> Any:
    connection = pg8000.dbapi.connect(**parse_dsn(dsn))
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        connection.commit()
        return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def test_results_arrive_in_the_table(server: str) -> None:
    ask(server, "CREATE TABLE results (content jsonb)")

    first = deliver(server, {"text": "it's café", "n": [1, None]})
    second = deliver(server, "raw", table="RESULTS")  # names are taken in any case

    assert (first.succeeded, second.succeeded) == (True, True), (first, second)
    rows = [row[0] for row in ask(server, "SELECT content FROM results")]
    assert [json.loads(row) if isinstance(row, str) and row[:1] in '{"' else row for row in rows] == [
        {"text": "it's café", "n": [1, None]},
        "raw",
    ]


def test_what_the_server_says_is_the_error(server: str) -> None:
    outcome = deliver(server, {}, table="nowhere", **RETRY)

    assert not outcome.succeeded
    assert 'relation "nowhere" does not exist' in (outcome.error or "")
    assert outcome.retry is not None
