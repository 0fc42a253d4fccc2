"""Threads that write at the same time, share commits, and are answered for what is on disk."""

import concurrent.futures
import pathlib
import sqlite3
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.engine import Engine, ServiceError
from local.engine.database import Database
from local.engine.writer import Writer
from tests.engine.conftest import client
from tests.engine.test_file import TABLE, names


def test_threads_share_commits_and_each_is_answered_for_itself(path: pathlib.Path) -> None:
    with Engine(path):
        client("dynamodb").create_table(**TABLE)

        def write(number: int) -> str:
            condition = {"ConditionExpression": "attribute_exists(k)"} if number % 3 == 0 else {}
            try:
                item = {"k": {"S": f"{number:03}"}}
                client("dynamodb").put_item(TableName="things", Item=item, **condition)
            except ClientError as error:
                return str(error.response["Error"]["Code"])
            return "stored"

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(write, range(300)))

        stored = [number for number in range(300) if number % 3]
        assert names() == [f"{number:03}" for number in stored]
        assert [number for number, answer in enumerate(answers) if answer == "stored"] == stored
        assert set(answers) == {"stored", "ConditionalCheckFailedException"}


def _lose_commits(writer: Writer) -> None:
    """Have its commits fail, as on a disk that does."""

    def lost(commit: Any) -> None:
        writer._commit, commit.error = None, sqlite3.OperationalError("disk I/O error")
        writer._opened().execute("ROLLBACK")
        commit.over.set()

    writer._finish = lost  # type: ignore[method-assign]


def test_a_commit_that_fails_fails_for_all_who_share_it(tmp_path: pathlib.Path) -> None:
    opened = Database(tmp_path / "state.sqlite", synchronous="OFF")
    writer = opened._writer
    begun, errors = threading.Barrier(3), []

    def write() -> None:
        begun.wait()
        try:
            with opened.writing() as link:
                link.execute("CREATE TABLE IF NOT EXISTS t (a)")
        except ServiceError as error:
            errors.append(error)

    _lose_commits(writer)
    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(errors) == 3
    with opened.reading() as link:
        assert link.execute("SELECT name FROM sqlite_master WHERE name = 't'").fetchall() == []


def test_what_nobody_commits_is_committed_by_who_waits_for_it(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.engine.writer.LONGEST_OPEN", 0.05)
    opened = Database(tmp_path / "state.sqlite", synchronous="OFF")
    opened._writer._queued = 1  # somebody who was to write next, and has gone

    with opened.writing() as link:
        link.execute("CREATE TABLE t (a)")

    with opened.reading() as link:
        assert link.execute("SELECT name FROM sqlite_master WHERE name = 't'").fetchall() == [("t",)]


class _Refused(Exception):
    """A condition that did not hold."""


def test_who_fails_because_of_a_write_finds_it_written(tmp_path: pathlib.Path) -> None:
    opened = Database(tmp_path / "state.sqlite", synchronous="OFF")
    with opened.writing() as link:
        link.execute("CREATE TABLE t (a)")
    second_has_its_turn, second_was_told = threading.Event(), threading.Event()

    def queued(count: int) -> None:
        while opened._writer._queued < count:
            time.sleep(0.001)

    def first() -> None:
        with opened.writing() as link:
            link.execute("INSERT INTO t VALUES ('first')")
            threads[1].start()
            queued(1)

    def second() -> list[Any]:
        try:
            with opened.writing():
                second_has_its_turn.set()
                queued(1)
                raise _Refused
        except _Refused:
            with opened.reading() as link:
                return link.execute("SELECT a FROM t").fetchall()
        finally:
            second_was_told.set()

    def third() -> None:
        second_has_its_turn.wait(10)
        with opened.writing():
            second_was_told.wait(0.3)  # which is for nothing: whoever fails waits for this as well

    found: list[Any] = []
    threads = [
        threading.Thread(target=first),
        threading.Thread(target=lambda: found.extend(second())),
        threading.Thread(target=third),
    ]
    threads[2].start()
    threads[0].start()
    for thread in (threads[0], threads[2], threads[1]):
        thread.join(10)

    assert found == [("first",)]


def test_who_fails_because_of_a_write_that_is_lost_is_told_of_that(tmp_path: pathlib.Path) -> None:
    opened = Database(tmp_path / "state.sqlite", synchronous="OFF")
    writer = opened._writer
    begun = threading.Event()
    errors: list[BaseException] = []

    def write(fails: bool) -> None:
        try:
            with opened.writing() as link:
                if fails:
                    raise _Refused
                link.execute("CREATE TABLE t (a)")
                begun.set()
                while not writer._queued:
                    time.sleep(0.001)
        except (ServiceError, _Refused) as error:
            errors.append(error)

    _lose_commits(writer)
    threads = [threading.Thread(target=write, args=(fails,)) for fails in (False, True)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(10)

    assert [type(error) for error in errors] == [ServiceError, ServiceError]


def test_what_is_read_after_a_refusal_is_what_refused_it(path: pathlib.Path) -> None:
    with Engine(path):
        dynamodb = client("dynamodb")
        dynamodb.create_table(**TABLE)

        def take(number: int) -> bool:
            """Whether a condition that was refused would hold of what is read next."""
            key = {"k": {"S": str(number // 8)}}
            try:
                dynamodb.put_item(TableName="things", Item=key, ConditionExpression="attribute_not_exists(k)")
            except ClientError:
                return "Item" not in dynamodb.get_item(TableName="things", Key=key, ConsistentRead=True)
            return False

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert not any(pool.map(take, range(400)))
