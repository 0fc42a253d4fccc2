"""PostgreSQL: the rows that results become, over its socket, over TCP with a password, and encrypted."""

import contextlib
import getpass
import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pg8000.dbapi
import pytest
import trustme

from chalicelib.domain.times import parse_duration
from plugins.archivers import postgresql
from plugins.archivers.postgresql import parse_dsn
from plugins.sdk.jobs import Outcome, Parcel
from tests.acceptance.nodes import free_port
from tests.receivers.documents import RESULT
from tests.receivers.processes import folder, needed

PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
NOBODY = "nobody"
RETRY = {"retry-policy": [{"attempts": 1, "wait": "PT1M"}]}
ACCESS = """
local all all trust
hostnossl all writer 127.0.0.1/32 scram-sha-256
hostssl all encrypted 127.0.0.1/32 scram-sha-256
"""


class Database:
    """A server of its own, on a socket and a port of its own."""

    def __init__(self, where: pathlib.Path, user: str):
        self.port = free_port()
        self.local = f"host={where} port={self.port} user={user} dbname=postgres"

    def over_tcp(self, user: str, password: str = "sesame", more: str = "") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres{more}"

    def ask(self, statement: str) -> Any:
        with contextlib.closing(pg8000.dbapi.connect(**parse_dsn(self.local))) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            connection.commit()
            return cursor.fetchall() if cursor.description else None


def as_somebody(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *command] if os.getuid() == 0 else [*command]


def certificate(where: pathlib.Path) -> None:
    made = trustme.CA().issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(where / "server.key")
    made.cert_chain_pems[0].write_to_path(where / "server.crt")
    (where / "server.key").chmod(0o600)
    if os.getuid() == 0:
        shutil.chown(where / "server.key", NOBODY)


@contextlib.contextmanager
def serving(where: pathlib.Path) -> Iterator[Database]:
    bin_, log = PROGRAMS[-1], str(where / "log")
    database = Database(where, NOBODY if os.getuid() == 0 else getpass.getuser())
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": where}
    certificate(where)
    (where / "access").write_text(ACCESS)
    told = {
        "listen_addresses": "127.0.0.1",
        "port": database.port,
        "unix_socket_directories": where,
        "hba_file": where / "access",
        "ssl": "on",
        "ssl_cert_file": where / "server.crt",
        "ssl_key_file": where / "server.key",
        "fsync": "off",
    }
    options = " ".join(f"-c {name}={value}" for name, value in told.items())
    control = as_somebody(str(bin_ / "pg_ctl"), "-D", str(where / "data"), "-l", log, "-w")
    initdb = as_somebody(str(bin_ / "initdb"), "-A", "trust", "--no-sync", "-D", str(where / "data"))
    subprocess.run(initdb, check=True, **quiet)
    subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
    try:
        yield database
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    if not PROGRAMS:
        pytest.skip("there is no PostgreSQL server here")
    if os.getuid() == 0:
        needed("setpriv")
    with folder() as where:
        where.chmod(0o777)
        with serving(where) as found:
            for user in ("writer", "encrypted"):
                found.ask(f"CREATE USER {user} PASSWORD 'sesame'")
            found.ask("CREATE TABLE results (number serial, content jsonb)")
            found.ask("GRANT ALL ON ALL TABLES IN SCHEMA public TO writer, encrypted")
            found.ask("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer, encrypted")
            yield found


def deliver(dsn: str, result: Any = RESULT, table: str = "results") -> Outcome:
    return postgresql.deliver(Parcel({"_dsn": dsn, "table": table, "column": "content", **RETRY}, result))


def taken(database: Database) -> list[Any]:
    """The content of the table, which is emptied."""
    rows = database.ask("SELECT content::text FROM results ORDER BY number")
    database.ask("DELETE FROM results")
    return [json.loads(row[0]) for row in rows]


def test_results_arrive_in_the_table_field_by_field(database: Database) -> None:
    outcomes = [
        deliver(database.local),
        deliver(database.local, "raw", table="RESULTS"),  # names are taken in any case
        deliver(database.over_tcp("writer", more="?sslmode=disable")),
        deliver(database.over_tcp("encrypted", more="?sslmode=require")),
        deliver(database.over_tcp("encrypted")),  # which is preferred
    ]

    assert outcomes == [Outcome(True)] * 5
    assert taken(database) == [RESULT, "raw", RESULT, RESULT, RESULT]


@pytest.mark.parametrize(
    ("user", "password", "more", "said"),
    [
        ("writer", "hidden", "?sslmode=disable", 'password authentication failed for user "writer"'),
        ("encrypted", "sesame", "?sslmode=disable", "no pg_hba.conf entry"),
        ("encrypted", "sesame", "?sslmode=verify-full", "certificate verify failed"),
    ],
)
def test_who_is_not_let_in_is_told_and_may_come_again(
    database: Database, user: str, password: str, more: str, said: str
) -> None:
    outcome = deliver(database.over_tcp(user, password, more))

    assert (outcome.succeeded, outcome.retry) == (False, parse_duration("PT1M"))
    assert said in (outcome.error or "")
    assert "hidden" not in (outcome.error or "")
    assert taken(database) == []


def test_what_the_server_says_is_the_error(database: Database) -> None:
    outcome = deliver(database.local, table="nowhere")

    assert not outcome.succeeded
    assert 'relation "nowhere" does not exist' in (outcome.error or "")
    assert outcome.retry is not None
