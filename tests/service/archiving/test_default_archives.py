"""Archives that every task of the node has: read from a folder, again once that has changed."""

import json
import os
import pathlib

import pytest

from chalicelib.service.archiving import archive_specs, default_archives, selection
from chalicelib.settings import forget_settings
from tests.builders import NOON, run, task

BIN = {"archiver": "bitbucket", "data": {}}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("PSCHEDULER_DEFAULT_ARCHIVES", str(tmp_path))
    forget_settings()
    yield tmp_path
    monkeypatch.undo()
    forget_settings()


def labels() -> list[str]:
    return [archive["label"] for archive in default_archives.current()]


def written(folder: pathlib.Path, name: str, **members: object) -> None:
    (folder / name).write_text(json.dumps({**BIN, "schema": 3, "label": name, **members}))


def test_the_documents_of_a_folder_are_read_by_name(folder: pathlib.Path) -> None:
    assert labels() == []

    written(folder, "b")
    written(folder, "a")
    (folder / "deeper").mkdir()

    assert labels() == ["a", "b"]


def test_a_change_is_seen(folder: pathlib.Path) -> None:
    written(folder, "a")
    assert labels() == ["a"]

    written(folder, "a", label="changed")
    os.utime(folder / "a", (1, 1))
    assert labels() == ["changed"]

    (folder / "a").unlink()
    assert labels() == []


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"archiver": "nobody", "data": {}}',
        '{"archiver": "http", "data": {}}',
        '{"archiver": "bitbucket", "data": {}, "extra": 1}',
        json.dumps({**BIN, "transform": {"script": "]"}}),
        "[" * 100_000,
        " " * 200_000,
    ],
)
def test_what_is_no_archive_is_left_out_and_logged(
    folder: pathlib.Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    written(folder, "good")
    (folder / "bad").write_text(text)

    assert labels() == ["good"]
    assert "bad is left out" in caplog.text


def test_no_more_are_used_than_a_result_can_have(folder: pathlib.Path) -> None:
    for number in range(archive_specs.MOST + 5):
        written(folder, f"{number:03}")

    assert len(labels()) == archive_specs.MOST


def test_a_folder_that_is_not_there_is_none(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PSCHEDULER_DEFAULT_ARCHIVES", str(folder / "nowhere"))
    forget_settings()

    assert labels() == []
    nowhere = folder / "nowhere"
    assert caplog.messages == [f"The default archives in {nowhere} cannot be read: No such file or directory"]


def test_they_come_after_the_tasks_own_and_at_the_lead_alone(folder: pathlib.Path) -> None:
    written(folder, "ours", runs="all")
    own = task(document={**task().document, "archives": [{**BIN, "schema": 2, "runs": "all"}]})

    found = selection.of_result(own, run(own), NOON)

    assert [(each.number, each.spec.get("label")) for each in found] == [(0, None), (1, "ours")]
    assert selection.of_result(own.evolve(participant=1), run(own), NOON) == []


@pytest.mark.parametrize(("size", "is_read"), [(100_000, True), (100_001, False)])
def test_a_document_has_an_end(folder: pathlib.Path, size: int, is_read: bool) -> None:
    text = json.dumps({**BIN, "schema": 3, "label": "a"})
    (folder / "a").write_text(text.ljust(size))

    assert labels() == ["a"] * is_read


def test_what_is_as_it_was_is_not_read_again(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder, "a")
    first = default_archives.current()
    monkeypatch.setattr(default_archives.json, "loads", None)

    assert default_archives.current() is first


@pytest.mark.parametrize("change", ["time", "size", "name"])
def test_a_change_of_any_kind_is_seen(folder: pathlib.Path, change: str) -> None:
    written(folder, "a")
    os.utime(folder / "a", (5, 5))
    first = default_archives.current()

    if change == "name":
        (folder / "a").rename(folder / "b")
    else:
        label = "longer" if change == "size" else "b"
        written(folder, "a", label=label)
        os.utime(folder / "a", (5, 5) if change == "size" else (6, 6))

    assert default_archives.current() is not first


def test_what_is_left_out_is_said_with_why(folder: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "bad").write_text(" " * 100_001)
    for number in range(archive_specs.MOST + 1):
        written(folder, f"{number:03}")

    labels()

    assert f"The default archive {folder / 'bad'} is left out: has more than 100000 bytes" in caplog.messages
    assert "Of 41 default archives the first 40 are used" in caplog.messages
