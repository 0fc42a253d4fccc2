"""A copy of a node's state, and nodes that start from one."""

import pathlib
import sqlite3
import stat

import pytest

from chalicelib.service.node import proxy_credentials
from local import backup, credentials, engine_sqlite, environment
from tests.builders import NODE, NOON
from tests.conftest import forget


@pytest.fixture
def state(tmp_path: pathlib.Path) -> pathlib.Path:
    """The folder of a node that knows a proxy."""
    folder = tmp_path / "node"
    folder.mkdir()
    assert credentials.main(["--state", str(folder), "add", "gateway"]) == 0
    forget()
    return folder


def test_a_copy_made_while_others_write_holds_what_was_stored_before(
    state: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine_sqlite.opened(state):
        environment.create_everything()
        proxy_credentials.add(NODE, "second", "a key of my own choice", NOON)

        assert backup.main(["--state", str(state), str(tmp_path / "copy")]) == 0
        proxy_credentials.add(NODE, "third", "another key of my own choice", NOON)
    forget()

    capsys.readouterr()
    assert credentials.main(["--state", str(tmp_path / "copy"), "list"]) == 0
    assert capsys.readouterr().out == "gateway\nsecond\n"


def test_a_state_and_its_copy_are_their_owners_alone(state: pathlib.Path, tmp_path: pathlib.Path) -> None:
    backup.copy(state, tmp_path / "copy")

    assert stat.S_IMODE((state / "state.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "copy/state.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("of", "to", "complaint"),
    [
        ("nothing", "copy", "is not the folder of a node"),
        ("node", "node", "is not empty"),
        ("node", "node/state.sqlite/copy", "Cannot use the folder"),
    ],
)
def test_what_cannot_be_copied_is_said_in_a_line(
    state: pathlib.Path, capsys: pytest.CaptureFixture[str], of: str, to: str, complaint: str
) -> None:
    here = state.parent
    assert backup.main(["--state", str(here / of), str(here / to)]) == 1

    complained = capsys.readouterr().err
    assert complaint in complained
    assert complained.count("\n") == 1
    assert not (here / "copy").exists()


def test_a_full_disk_is_said_in_a_line_and_nothing_is_left(
    state: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("local.engine.online_copy._write", full)

    assert backup.main(["--state", str(state), str(tmp_path / "copy")]) == 1

    source, target = state / "state.sqlite", tmp_path / "copy/state.sqlite"
    assert capsys.readouterr().err == f"{source} cannot be copied to {target} (database or disk is full)\n"
    assert not target.parent.exists()


def test_the_state_of_a_damaged_node_is_not_copied(
    state: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (state / "state.sqlite").write_bytes(b"\xa5" * 8192)

    assert backup.main(["--state", str(state), str(tmp_path / "copy")]) == 1

    assert "is damaged" in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()
