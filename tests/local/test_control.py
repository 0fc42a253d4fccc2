"""The command that switches the pause and the debugging."""

import datetime as dt
import json
import pathlib
from collections.abc import Iterator

import pytest

from chalicelib.domain.times import UTC
from chalicelib.service.node import debug, pause
from local import control, node_tables
from local.start_checks import CannotStart
from tests.builders import NODE

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture(autouse=True)
def _quiet_again(empty_aws: None) -> Iterator[None]:
    yield
    debug.switch(False)


def test_a_pause_ends_by_itself_or_when_resumed() -> None:
    now = dt.datetime.now(UTC)

    assert control.main(["--aws", "pause", "PT30M"]) == 0
    assert pause.is_paused(NODE, now + dt.timedelta(minutes=29))
    assert not pause.is_paused(NODE, now + dt.timedelta(minutes=31))

    assert control.main(["--aws", "resume"]) == 0
    assert not pause.is_paused(NODE, now)


def test_a_pause_without_an_end_has_none() -> None:
    assert control.main(["--aws", "pause"]) == 0

    assert pause.describe(NODE, dt.datetime.now(UTC)) == {"is_paused": True, "infinite": True}


def test_a_query_says_whether_there_is_a_pause_and_makes_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["--aws", "pause", "--query"]) == 1
    assert "not paused" in capsys.readouterr().err

    control.main(["--aws", "pause"])
    assert control.main(["--aws", "pause", "--query"]) == 0
    assert capsys.readouterr().out.endswith("until resumed\n")

    control.main(["--aws", "pause", "PT30M"])
    assert control.main(["--aws", "pause", "-q"]) == 0
    assert "for another PT" in capsys.readouterr().out


def test_a_query_with_a_duration_is_refused_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["--aws", "pause", "--query", "PT1H"]) == 1

    assert "takes no duration" in capsys.readouterr().err
    assert not pause.is_paused(NODE, dt.datetime.now(UTC))


@pytest.mark.parametrize("duration", ["soon", "P1Y", ""])
def test_a_duration_that_is_none_pauses_nothing(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["--aws", "pause", duration]) == 1

    assert not pause.is_paused(NODE, dt.datetime.now(UTC))
    assert json.dumps(duration) in capsys.readouterr().err


def test_debugging_is_switched() -> None:
    assert control.main(["--aws", "debug", "on"]) == 0
    assert debug.is_on()

    assert control.main(["--aws", "debug", "off"]) == 0
    assert not debug.is_on()


@pytest.mark.parametrize("there", [[], ["node-1", "node-2"]])
def test_without_a_state_it_says_so_and_goes_to_no_account(
    there: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE", raising=False)
    for name in there:
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.sqlite").touch()

    with pytest.raises(CannotStart, match=r"Say which node: --state FOLDER .*, or --aws") as refused:
        node_tables.state_of(control.arguments(["resume"]), tmp_path)

    assert all(name in str(refused.value) for name in there)


def test_the_only_node_there_is_the_one_that_is_meant(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATE", raising=False)
    (tmp_path / "node-8000").mkdir()
    (tmp_path / "node-8000/state.sqlite").touch()

    assert node_tables.state_of(control.arguments(["resume"]), tmp_path) == tmp_path / "node-8000"


def test_a_node_that_was_never_started_is_said_to_be(tmp_path: pathlib.Path) -> None:
    with (
        pytest.raises(CannotStart, match=r"There is no folder .*/node-1: make run makes one"),
        node_tables.tables_of(tmp_path / "node-1"),
    ):
        raise AssertionError
