"""How far a contact looks for runs: at those that came near since the last look, or at all."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.agent_protocol import MOST_OFFERED, OFFERED_AHEAD
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.service.agents.looks import AT_ALL_EVERY, Look, is_settled, next_look
from chalicelib.store.agent_bells import Bell
from tests.builders import at, run, task

RUNG = Bell(number=4, rung=at(-60))
"""A bell whose last ring is to be seen by now."""
SAID: dict[str, Any] = {"instance": "one", "held": [{"run": "a"}, {"run": "b"}]}
LAST: dict[str, Any] = {
    "instance": "one",
    "looked": {
        "ring": 4,
        "until": "2026-11-23T12:14:30Z",
        "at-all": "2026-11-23T11:59:30Z",
        "offered": ["a"],
    },
}


def last(**changes: JSON) -> dict[str, JSON]:
    """The last contact, what is kept of its look changed."""
    return {**LAST, "looked": {**LAST["looked"], **changes}}


@pytest.mark.parametrize(
    ("rung", "settled"),
    [(None, True), (at(0), False), (at(-2.9), False), (at(-3), True), (at(-60), True)],
)
def test_a_ring_is_seen_in_the_indexes_three_seconds_later(rung: dt.datetime | None, settled: bool) -> None:
    assert is_settled(Bell(number=1, rung=rung), at(0)) is settled


def test_an_agent_that_has_what_it_was_offered_lacks_only_what_came_near_since() -> None:
    look = next_look(SAID, RUNG, LAST, at(0))

    assert look == Look(since=at(870), at_all=at(-30), ring=4)


@pytest.mark.parametrize(
    ("said", "bell", "kept"),
    [
        (SAID, RUNG, {}),  # the first contact
        (SAID, RUNG, {"instance": "one"}),  # the last look was not good for another
        ({**SAID, "instance": "two"}, RUNG, LAST),  # another agent
        (SAID, RUNG._replace(number=5), LAST),  # it rang since
        ({**SAID, "held": [{"run": "b"}]}, RUNG, LAST),  # it has not taken what it was offered
        (SAID, RUNG, last(**{"at-all": format_timestamp(at(0) - AT_ALL_EVERY)})),  # too long ago
    ],
)
def test_otherwise_it_looks_at_all(said: dict[str, JSON], bell: Bell, kept: dict[str, JSON]) -> None:
    assert next_look(said, bell, kept, at(0)) == Look(since=None, at_all=at(0), ring=bell.number)


def test_a_look_at_all_is_good_until_the_next_is_due() -> None:
    before = at(1) - AT_ALL_EVERY

    assert next_look(SAID, RUNG, last(**{"at-all": format_timestamp(before)}), at(0)).at_all == before


def test_a_look_just_after_a_ring_is_good_for_none() -> None:
    bell = RUNG._replace(rung=at(-1))

    assert next_look(SAID, bell, LAST, at(0)).ring is None
    assert next_look(SAID, bell, {}, at(0)) == Look(None, at(0), None)


def offered(count: int) -> list[Assignment]:
    owner = task()
    return [Assignment.of(owner, run(owner, 60)) for _ in range(count)]


def test_what_is_kept_of_a_look_is_what_the_next_goes_by() -> None:
    found = offered(2)

    kept = Look(None, at(-30), 4).record(found, at(0))

    assert kept == {
        "looked": {
            "ring": 4,
            "until": "2026-11-23T12:15:00+00:00",
            "at-all": "2026-11-23T11:59:30+00:00",
            "offered": [each.run for each in found],
        }
    }
    said = {"instance": "one", "held": [{"run": each.run} for each in found]}
    assert next_look(said, RUNG, {"instance": "one", **kept}, at(5)) == Look(
        at(0) + OFFERED_AHEAD, at(-30), 4
    )


@pytest.mark.parametrize(
    ("ring", "count", "is_kept"),
    [(4, MOST_OFFERED - 1, True), (4, MOST_OFFERED, False), (None, 1, False)],
)
def test_nothing_is_kept_where_there_may_be_more(ring: int | None, count: int, is_kept: bool) -> None:
    kept = Look(None, at(0), ring).record(offered(1) * count, at(0))

    assert bool(kept) is is_kept
