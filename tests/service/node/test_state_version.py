"""The note of which version what is stored is of: raised as steps are made, and heeded."""

import datetime as dt
from collections.abc import Iterator

import pytest

from chalicelib.domain import state_version
from chalicelib.domain.errors import WrongVersion
from chalicelib.domain.state_version import NOTHING_NOTED, READABLE_BY, VERSION, StateVersion
from chalicelib.events import clock_handlers
from chalicelib.service.node import health, state_upgrade
from chalicelib.store import migrations, state_record
from tests.builders import NODE, NOON, at
from tests.requests_sent import counted

pytestmark = pytest.mark.usefixtures("empty_aws")
NEWER = StateVersion(VERSION + 1, VERSION + 1, VERSION)


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    state_upgrade.forget()
    yield
    state_upgrade.forget()


def tick(now: dt.datetime) -> None:
    for name in migrations.TICKS:
        state_upgrade.advance(name, now)


def test_the_version_is_noted_before_anything_is_written() -> None:
    assert state_record.read() == NOTHING_NOTED

    state_upgrade.require()

    assert state_record.read() == StateVersion(VERSION, READABLE_BY, NOTHING_NOTED.oldest)


def test_once_all_ticks_found_nothing_for_an_hour_no_item_is_older() -> None:
    for name in migrations.TICKS[1:]:
        state_upgrade.advance(name, NOON)  # one does not tick
    for seconds in (3600, 7199):
        tick(at(seconds))
        assert state_record.read().oldest < VERSION

    tick(at(7200))

    assert state_record.read() == StateVersion(VERSION, READABLE_BY, VERSION)


def test_a_new_process_looks_once_as_the_release_before_may_have_been_at_work() -> None:
    for seconds in (0, 3600):
        tick(at(seconds))
    state_upgrade.forget()

    def asked() -> int:
        with counted() as sent:
            tick(at(7200))
        return sent.count("Query")

    first, second = asked(), asked()

    assert first > 0
    assert second == 0


def test_a_note_is_never_lowered() -> None:
    state_record.raise_to(NEWER)

    state_record.raise_to(StateVersion(VERSION, READABLE_BY, VERSION))

    assert state_record.read() == NEWER


def test_a_newer_release_that_says_so_may_be_gone_back_from() -> None:
    state_record.raise_to(StateVersion(VERSION + 1, VERSION, VERSION))

    state_upgrade.require()

    assert state_record.read().newest == VERSION + 1
    assert health.troubles(NODE, NOON) == []


@pytest.mark.parametrize("name", migrations.TICKS)
def test_no_tick_touches_what_it_could_not_read(name: str) -> None:
    state_record.raise_to(NEWER)

    with counted() as sent, pytest.raises(WrongVersion, match="newer release"):
        getattr(clock_handlers, f"{name}_tick")(None)

    assert set(sent) <= {"GetItem"}
    assert any("newer release" in trouble for trouble in health.troubles(NODE, NOON))


def test_a_release_two_versions_on_is_refused_until_all_is_filed_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state_upgrade.require()  # this release, which is stopped before it was at work for long
    state_upgrade.forget()
    monkeypatch.setattr(state_version.objection, "__defaults__", (VERSION + 1,))

    with pytest.raises(WrongVersion, match=f"items of version {VERSION - 1}"):
        state_upgrade.require()
