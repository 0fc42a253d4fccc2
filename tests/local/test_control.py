"""The command that switches the pause and the debugging."""

import datetime as dt
from collections.abc import Iterator

import pytest

from chalicelib.domain.times import UTC
from chalicelib.service.node import debug, pause
from local import control
from tests.builders import NODE

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture(autouse=True)
def _quiet_again(moto_engine: None) -> Iterator[None]:
    yield
    debug.switch(False)


def test_a_pause_ends_by_itself_or_when_resumed() -> None:
    now = dt.datetime.now(UTC)

    assert control.main(["pause", "PT30M"]) == 0
    assert pause.is_paused(NODE, now + dt.timedelta(minutes=29))
    assert not pause.is_paused(NODE, now + dt.timedelta(minutes=31))

    assert control.main(["resume"]) == 0
    assert not pause.is_paused(NODE, now)


def test_a_pause_without_an_end_has_none() -> None:
    assert control.main(["pause"]) == 0

    assert pause.describe(NODE, dt.datetime.now(UTC)) == {"is_paused": True, "infinite": True}


def test_a_query_says_whether_there_is_a_pause_and_makes_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["pause", "--query"]) == 1
    assert "no pause" in capsys.readouterr().err

    control.main(["pause"])
    assert control.main(["pause", "--query"]) == 0
    assert capsys.readouterr().out.endswith("until resumed\n")

    control.main(["pause", "PT30M"])
    assert control.main(["pause", "-q"]) == 0
    assert "for another PT" in capsys.readouterr().out


def test_a_query_with_a_duration_is_refused_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["pause", "--query", "PT1H"]) == 1

    assert "takes no duration" in capsys.readouterr().err
    assert not pause.is_paused(NODE, dt.datetime.now(UTC))


@pytest.mark.parametrize("duration", ["soon", "P1Y", ""])
def test_a_duration_that_is_none_pauses_nothing(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert control.main(["pause", duration]) == 1

    assert not pause.is_paused(NODE, dt.datetime.now(UTC))
    assert repr(duration) in capsys.readouterr().err


def test_debugging_is_switched() -> None:
    assert control.main(["debug", "on"]) == 0
    assert debug.is_on()

    assert control.main(["debug", "off"]) == 0
    assert not debug.is_on()
