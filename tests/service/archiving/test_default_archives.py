"""Archives that every task of the node has: read from a folder, again once that has changed."""

import json
import os
import pathlib

import pytest

from chalicelib.service.archiving import default_archives, selection, specs
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
    for number in range(specs.MOST + 5):
        written(folder, f"{number:03}")

    assert len(labels()) == specs.MOST


def test_a_folder_that_is_not_there_is_none(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PSCHEDULER_DEFAULT_ARCHIVES", str(folder / "nowhere"))
    forget_settings()

    assert labels() == []
    assert "cannot be read" in caplog.text


def test_they_come_after_the_tasks_own_and_at_the_lead_alone(folder: pathlib.Path) -> None:
    written(folder, "ours", runs="all")
    own = task(document={**task().document, "archives": [{**BIN, "schema": 2, "runs": "all"}]})

    found = selection.of_result(own, run(own), NOON)

    assert [(each.number, each.spec.get("label")) for each in found] == [(0, None), (1, "ours")]
    assert selection.of_result(own.evolve(participant=1), run(own), NOON) == []
