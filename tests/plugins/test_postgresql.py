from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import parse_duration
from plugins.archivers import postgresql
from plugins.archivers.postgresql import parse_dsn
from plugins.sdk.jobs import Outcome, Parcel

RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}


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


def test_nobody_there_is_tried_again_as_the_policy_says(closed_port: int) -> None:
    outcome = deliver(f"host=127.0.0.1 port={closed_port} password=secret", **RETRY)

    assert (outcome.succeeded, outcome.retry) == (False, parse_duration("PT1M"))
    assert "secret" not in (outcome.error or "")
