"""The switch for more talk in the log, and how often it is looked at."""

import logging
import types
from collections.abc import Iterator

import pytest

from chalicelib.service.node import debug
from chalicelib.store import node_table
from tests.builders import NODE
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What the time is, for a process that has never looked."""
    now = [1000.0]
    monkeypatch.setattr(debug, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(debug, "_looked", [])
    yield now
    debug._set(False)


def levels() -> list[int]:
    return [logging.getLogger(name).level for name in ("chalicelib", "plugins")]


def test_the_switch_is_for_all_that_is_ours_here_at_once() -> None:
    assert not debug.is_on()
    debug.switch(True)
    assert debug.is_on()
    assert levels() == [logging.DEBUG] * 2

    debug.switch(False)

    assert not debug.is_on()
    assert levels() == [logging.NOTSET] * 2


def test_other_processes_look_at_it_every_minute_and_a_half(clock: list[float]) -> None:
    node_table.write(NODE, debug.DEBUG, True)

    found = []
    for later in (0, 0.1, 89.9, 90, 179.9, 180):
        clock[0] = 1000 + later
        with counted() as sent:
            debug.follow()
        found.append(len(sent))
        node_table.write(NODE, debug.DEBUG, later < 90)

    assert found == [1, 0, 0, 1, 0, 1]
    assert levels() == [logging.NOTSET] * 2


def test_nothing_fails_where_the_switch_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise debug.STORE_ERRORS[0]()

    monkeypatch.setattr(node_table, "glance", broken)

    debug.follow()

    assert "Whether to debug cannot be read" in caplog.messages
    assert "Traceback" in caplog.text
