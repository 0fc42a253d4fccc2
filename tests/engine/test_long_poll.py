"""Who waits for messages is woken by what others write, and seldom by what this process writes itself."""

import pathlib
import time

import pytest

from local.engine import Engine, long_poll
from local.engine.database import Database


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_poll, "LOOK", 0.0)


def write(database: Database, text: str) -> None:
    with database.writing() as link:
        link.execute("CREATE TABLE IF NOT EXISTS noted(text)")
        link.execute("INSERT INTO noted VALUES(?)", (text,))


def woken(engine: Engine) -> bool:
    """Whether a look wakes those who wait."""
    before = engine.bell.rings("a queue")
    engine.bell.wait("a queue", before, 0.0)
    return engine.bell.rings("a queue") != before


@pytest.mark.usefixtures("no_pauses")
def test_what_another_process_writes_wakes_at_once(engine: Engine, path: pathlib.Path) -> None:
    other = Database(path, synchronous="OFF")
    woken(engine)  # the first look has nothing to compare with

    write(other, "elsewhere")

    assert woken(engine)
    assert not woken(engine)
    other.close()


@pytest.mark.usefixtures("no_pauses")
def test_what_this_process_writes_wakes_after_a_while(
    engine: Engine, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_poll, "APART", 3600.0)
    woken(engine)

    write(engine.database, "here")
    assert not woken(engine)

    other = Database(path, synchronous="OFF")
    write(other, "elsewhere, at the same time")  # which cannot be told from what is written here
    other.close()
    assert not woken(engine)

    monkeypatch.setattr(long_poll, "APART", 0.0)
    time.sleep(0.001)
    assert woken(engine)
