"""The file: one that is damaged, newer or something else; a full disk; forks and copies."""

import contextlib
import multiprocessing
import os
import pathlib
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session
import pytest
from botocore.exceptions import ClientError

from local.engine import (
    DamagedFile,
    Engine,
    EngineError,
    ForeignFile,
    NewerFile,
    ServiceError,
    expiry_sweep,
    hook,
    online_copy,
)
from tests.engine.conftest import client

TABLE: dict[str, Any] = {
    "TableName": "things",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
}


def put(key: str, size: int = 10) -> None:
    client("dynamodb").put_item(TableName="things", Item={"k": {"S": key}, "body": {"S": "x" * size}})


def names() -> list[str]:
    pages = client("dynamodb").get_paginator("scan").paginate(TableName="things", ConsistentRead=True)
    return sorted(item["k"]["S"] for page in pages for item in page["Items"])


@pytest.fixture
def filled(path: pathlib.Path) -> pathlib.Path:
    """A file that was closed, with two things in it."""
    with Engine(path):
        client("dynamodb").create_table(**TABLE)
        put("one")
        put("two", 20_000)
    return path


def test_what_was_stored_is_there_when_the_file_is_opened_again(filled: pathlib.Path) -> None:
    with Engine(filled):
        assert names() == ["one", "two"]


def _overwrite(path: pathlib.Path, at: int, content: bytes) -> None:
    with path.open("rb+") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize("at", [0, 100, 4096, 3 * 4096, 8 * 4096])
def test_a_damaged_file_is_refused_in_one_line_and_left_alone(filled: pathlib.Path, at: int) -> None:
    _overwrite(filled, at, b"\xa5" * 4000)
    before = filled.read_bytes()

    with pytest.raises(DamagedFile, match=r"state\.sqlite is damaged") as refused:
        Engine(filled)

    assert "\n" not in str(refused.value)
    assert filled.read_bytes() == before


def test_a_file_cut_short_is_refused(filled: pathlib.Path) -> None:
    os.truncate(filled, filled.stat().st_size // 2)

    with pytest.raises(DamagedFile):
        Engine(filled)


def test_an_empty_file_beside_a_log_is_refused_and_the_log_is_kept(filled: pathlib.Path) -> None:
    os.truncate(filled, 0)
    log = filled.with_name(filled.name + "-wal")
    log.write_bytes(b"what was not copied yet")

    with pytest.raises(DamagedFile, match="its log"):
        Engine(filled)

    assert log.read_bytes() == b"what was not copied yet"


def test_a_file_of_a_later_version_is_refused_and_left_alone(filled: pathlib.Path) -> None:
    with sqlite3.connect(filled) as link:
        link.execute("PRAGMA user_version=99")
    link.close()
    before = filled.read_bytes()

    with pytest.raises(NewerFile, match=r"later version \(its schema is 99, this one knows 1\)"):
        Engine(filled)

    assert filled.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_alone(path: pathlib.Path) -> None:
    with sqlite3.connect(path) as link:
        link.execute("CREATE TABLE mine(a)")
    link.close()
    before = path.read_bytes()

    with pytest.raises(ForeignFile, match="another program"):
        Engine(path)

    assert path.read_bytes() == before


def test_a_text_file_is_refused_and_left_alone(path: pathlib.Path) -> None:
    path.write_text("Dear diary" * 100)

    with pytest.raises(DamagedFile):
        Engine(path)

    assert path.read_text() == "Dear diary" * 100


def test_a_folder_is_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(EngineError, match="cannot be opened"):
        Engine(tmp_path)


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of four megabytes."""
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a file system")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=False)


def _full() -> ClientError:
    for number in range(1000):
        try:
            put(f"more-{number:04}", 50_000)
        except ClientError as error:
            return error
    raise AssertionError("The disk never filled up")


def test_on_a_full_disk_writes_fail_whole_reads_go_on_and_space_is_all_it_takes_to_recover(
    small_disk: pathlib.Path,
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_500_000)
    with Engine(small_disk / "state.sqlite"):
        client("dynamodb").create_table(**TABLE)
        refused = _full()
        stored = names()
        both = [
            {"Put": {"TableName": "things", "Item": {"k": {"S": "small"}}}},
            {"Put": {"TableName": "things", "Item": {"k": {"S": "large"}, "b": {"S": "x" * 300_000}}}},
        ]
        with pytest.raises(ClientError, match="StorageFull"):
            client("dynamodb").transact_write_items(TransactItems=both)

        assert refused.response["Error"]["Code"] == "StorageFull"
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 507
        assert names() == stored
        ballast.unlink()
        client("dynamodb").transact_write_items(TransactItems=both)
        assert names() == sorted([*stored, "small", "large"])


def test_a_child_of_a_fork_uses_the_file_beside_its_parent(path: pathlib.Path) -> None:
    with Engine(path):
        client("dynamodb").create_table(**TABLE)
        put("before")
        children = [
            multiprocessing.get_context("fork").Process(target=put, args=(f"child-{n}",)) for n in range(3)
        ]
        for child in children:
            child.start()
        for number in range(20):
            put(f"parent-{number:02}")
        for child in children:
            child.join(30)

        assert [child.exitcode for child in children] == [0, 0, 0]
        assert len(names()) == 24


def _open_and_put(path: pathlib.Path, number: int) -> None:
    with Engine(path, synchronous="OFF"):
        with contextlib.suppress(client("dynamodb").exceptions.ResourceInUseException):
            client("dynamodb").create_table(**TABLE)
        for turn in range(20):
            put(f"{number}-{turn}")


def test_processes_that_start_at_once_on_a_new_file_share_it(path: pathlib.Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open_and_put, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    with Engine(path):
        assert len(names()) == 60


def test_a_table_that_another_process_made_anew_is_found(path: pathlib.Path) -> None:
    other = Engine(path)
    with Engine(path):
        client("dynamodb").create_table(**TABLE)
        put("old")
        other.call("dynamodb", "DeleteTable", {"TableName": "things"})
        other.call("dynamodb", "CreateTable", TABLE)

        assert names() == []
        put("new")
        assert names() == ["new"]
    other.close()


def test_a_writer_that_gets_no_turn_says_so_and_stores_nothing(path: pathlib.Path) -> None:
    with Engine(path, busy_seconds=0.2):
        client("dynamodb").create_table(**TABLE)
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")

        with pytest.raises(ClientError, match="ServiceUnavailable"):
            put("late")

        assert names() == []
        blocker.execute("ROLLBACK")
        blocker.close()
        put("later")
        assert names() == ["later"]


@pytest.mark.parametrize("suffix", ["", "-wal"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_removed_or_replaced_takes_nothing_more_until_it_is_opened_again(
    path: pathlib.Path, suffix: str, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.engine.presence.EVERY", 0.0)
    gone = path.with_name(path.name + suffix)
    with Engine(path):
        client("dynamodb").create_table(**TABLE)
        put("one")
        content = gone.read_bytes()
        gone.rename(gone.with_name("elsewhere"))
        if replaced:
            gone.write_bytes(content)

        for _ in range(2):
            with pytest.raises(ClientError) as refused:
                put("two")
            assert refused.value.response["Error"]["Code"] == "StorageLost"
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert names() == ["one"]
        assert gone.exists() is replaced

        gone.with_name("elsewhere").rename(gone)
        put("three")
        assert names() == ["one", "three"]


def test_that_a_file_is_gone_is_noticed_before_long(path: pathlib.Path) -> None:
    def keep_writing() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            put("one")

    with Engine(path):
        client("dynamodb").create_table(**TABLE)
        path.rename(path.with_name("elsewhere"))

        with pytest.raises(ClientError, match="StorageLost"):
            keep_writing()


def test_a_copy_made_while_others_write_is_whole_and_of_one_instant(path: pathlib.Path) -> None:
    """Every transaction writes a pair: the copy has both of each or neither."""
    stopping, begun = threading.Event(), threading.Event()
    with Engine(path, synchronous="OFF") as engine:
        client("dynamodb").create_table(**TABLE)
        for number in range(200):
            put(f"ballast-{number}", 20_000)

        def write() -> None:
            number = 0
            while not stopping.is_set():
                pair = [
                    {"Put": {"TableName": "things", "Item": {"k": {"S": f"{side}-{number}"}}}}
                    for side in "ab"
                ]
                client("dynamodb").transact_write_items(TransactItems=pair)
                begun.set()
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        assert begun.wait(60)
        size = engine.copy(path.with_name("copy.sqlite"))
        stopping.set()
        writer.join()

    with Engine(path.with_name("copy.sqlite")):
        pairs = [name for name in names() if not name.startswith("ballast")]
    assert size > 200 * 20_000
    assert pairs
    assert {name[2:] for name in pairs if name[0] == "a"} == {name[2:] for name in pairs if name[0] == "b"}


def test_a_copy_replaces_nothing(filled: pathlib.Path) -> None:
    target = filled.with_name("copy.sqlite")
    target.write_text("mine")

    with pytest.raises(EngineError, match="there already"):
        online_copy.copy(filled, target)

    assert target.read_text() == "mine"
    with pytest.raises(EngineError, match="There is no file"):
        online_copy.copy(filled.with_name("nothing"), filled.with_name("another"))


def test_the_file_shrinks_by_and_by_once_much_of_it_is_free(path: pathlib.Path) -> None:
    engine = Engine(path, synchronous="OFF")
    with engine:
        client("dynamodb").create_table(**TABLE)
        for number in range(150):
            put(f"{number}", 200_000)
        for number in range(150):
            client("dynamodb").delete_item(TableName="things", Key={"k": {"S": str(number)}})

        for _ in range(10):
            engine.database.shrink()

    with sqlite3.connect(path) as link:
        free = link.execute("PRAGMA freelist_count").fetchone()[0]
    link.close()
    assert free <= 2048
    assert path.stat().st_size < 9_000_000


def test_a_write_is_acknowledged_even_if_the_sweep_behind_it_fails(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Engine, now: float) -> None:
        raise ServiceError("StorageFull", "There is no space left", 507)

    monkeypatch.setattr(expiry_sweep, "_drop", full)
    with Engine(path, synchronous="OFF") as engine:
        client("dynamodb").create_table(**TABLE)
        engine.swept = 0.0

        put("one")

        assert engine.swept > 0.0
        assert names() == ["one"]


def test_a_client_that_means_the_service_it_names_is_left_alone(tmp_path: pathlib.Path) -> None:
    settings = botocore.config.Config(user_agent_extra=hook.OUTSIDE, retries={"total_max_attempts": 1})
    session = botocore.session.Session()
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu-west-1"}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = session.create_client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=settings, **keys)

    with Engine(tmp_path / "state.sqlite"), pytest.raises(botocore.exceptions.EndpointConnectionError):
        client.list_buckets()
