"""A task as clients see it, and when it may be forgotten."""

import datetime as dt
import hashlib
from typing import Any

import pytest

from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.task import NEVER, Task, purge_at
from tests.builders import at, seconds, task


def test_a_task_is_described_in_detail() -> None:
    whole = task(
        participants=("here", "there"),
        participant=1,
        cli=("--duration", "PT2S"),
        diags="chosen",
        post=seconds(2),
        progress=Progress(3, at(0), at(60)),
        runs_started=2,
        schedule=Schedule(start=at(10), slip=seconds(5), repeat=seconds(60)),
        plan_at=at(100),
        plan_reason="a peer is down",
    )

    assert whole.detail() == {
        "added": "2026-11-23T12:00:00+00:00",
        "anytime": True,
        "cli": ["--duration", "PT2S"],
        "diags": "chosen",
        "duration": "PT3S",
        "enabled": True,
        "exclusive": False,
        "hints": {"requester": "192.0.2.1", "server": "192.0.2.2"},
        "multi-result": False,
        "participant": 1,
        "participants": ["here", "there"],
        "post": "PT2S",
        "runs": 3,
        "runs-started": 2,
        "slip": "PT5S",
        "start": "2026-11-23T12:00:10+00:00",
        "next-planning": "2026-11-23T12:01:40+00:00",
        "next-planning-reason": "a peer is down",
    }
    assert whole.describe() == {**whole.document, "detail": whole.detail()}


@pytest.mark.parametrize(
    ("scheduling_class", "anytime", "exclusive", "multi"),
    [
        ("background", True, False, False),
        ("background-multi", True, False, True),
        ("normal", False, False, False),
        ("exclusive", False, True, False),
    ],
)
def test_how_it_shares_time_follows_from_its_class(
    scheduling_class: str, anytime: bool, exclusive: bool, multi: bool
) -> None:
    detail = task(scheduling_class=scheduling_class).detail()

    assert (detail["anytime"], detail["exclusive"], detail["multi-result"]) == (anytime, exclusive, multi)
    assert (detail["start"], detail["next-planning"]) == (None, None)


KEYED: dict[str, Any] = {**task().document, "_key": "k", "participants": ["here"]}


@pytest.mark.parametrize(("made_up", "hidden"), [(True, {"_key", "participants"}), (False, {"participants"})])
def test_a_key_that_the_lead_made_up_is_not_shown(made_up: bool, hidden: set[str]) -> None:
    shown = task(document=KEYED, key_is_made_up=made_up).shown

    assert KEYED.keys() - shown.keys() == hidden


@pytest.mark.parametrize(
    ("hints", "who"),
    [
        ({"requester": "192.0.2.1"}, "192.0.2.1"),
        ({"requester": "192.0.2.1", "api-key": "probe"}, "probe"),  # a key is the same wherever it asks from
        ({}, ""),
    ],
)
def test_a_lane_is_of_whoever_posted_it_and_does_not_say_who(hints: dict[str, str], who: str) -> None:
    assert task(hints=hints).lane == hashlib.sha256(who.encode()).hexdigest()[:32]


def test_the_others_are_known_by_their_numbers() -> None:
    assert task(participants=("a", "b", "c"), participant=1).others == {0: "a", 2: "c"}


@pytest.mark.parametrize(
    ("plan_at", "is_due"), [(None, False), (at(-1), True), (at(0), True), (at(1), False)]
)
def test_a_task_is_due_once_its_planner_has_to_look(plan_at: dt.datetime | None, is_due: bool) -> None:
    assert task(plan_at=plan_at).is_due(at(0)) is is_due


KEPT = dt.timedelta(days=2)
ENDLESS = Schedule(repeat=seconds(60))


@pytest.mark.parametrize(
    ("one", "when"),
    [
        (task(), at(100) + KEPT),  # two days from now, if all of it is past
        (task(schedule=Schedule(start=at(500), max_runs=1)), at(500) + KEPT),
        (task(progress=Progress(1, at(0), at(600))), at(600) + KEPT),
        (task(schedule=Schedule(repeat=seconds(60), until=at(700))), at(700) + KEPT),
        (task(added=at(800)), at(800) + KEPT),
        (task(schedule=ENDLESS), at(100) + KEPT),  # its planner knows that nothing comes
        (task(schedule=ENDLESS, participant=1, participants=("a", "b")), NEVER),
        (task(schedule=ENDLESS, participant=1, participants=("a", "b"), enabled=False), at(100) + KEPT),
    ],
)
def test_a_task_is_kept_for_two_days_after_its_last_moment(one: Task, when: dt.datetime) -> None:
    assert purge_at(one, at(100)) == when


def test_a_task_that_wants_no_more_runs_is_planned_no_more() -> None:
    placed = task(progress=Progress(1, at(0), at(3)), plan_at=at(5), plan_reason="a peer is down")

    after = placed.replanned(at(10))

    assert (after.plan_at, after.plan_reason) == (None, None)
    assert task(enabled=False, plan_at=at(5)).replanned(at(10)).plan_at is None


def test_a_task_that_wants_a_run_is_planned_as_early_as_its_horizon_allows() -> None:
    one = task(schedule=Schedule(start=at(2 * 86_400), max_runs=1), plan_reason="a peer is down")

    after = one.replanned(at(0))

    assert (after.plan_at, after.plan_reason) == (at(86_400), None)
    assert one.replanned(at(86_401)).plan_at == at(86_401)


@pytest.mark.parametrize(
    ("until", "start", "by_itself"),
    [(None, 0, True), (at(10), 9, True), (at(10), 10, False), (at(10), 11, False)],
)
def test_a_run_is_counted_by_itself_that_starts_before_they_are_counted_together(
    until: dt.datetime | None, start: float, by_itself: bool
) -> None:
    assert task(started_until=until).is_counted_by_itself(at(start)) is by_itself
