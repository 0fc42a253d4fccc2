"""A run as clients see it, and what follows from its members."""

from typing import Any

import pytest

from chalicelib.domain.conflicts import Occupation
from chalicelib.domain.run import Documents, Reason, Run, occupation, reported_failed
from chalicelib.domain.run_states import State
from tests.builders import at, exclusive_task, run, seconds, task

OWNER = task(participants=("here", "there"), participant=1, duration=seconds(3))


def test_a_run_is_described_whole() -> None:
    documents = Documents(
        participant_data={"a": 1},
        participant_data_full=[{"a": 1}, {"b": 2}],
        result={"local": 1},
        result_full=[{"local": 1}, None],
        result_merged={"merged": 1},
        clock_survey=[{"offset": 1}],
        limit_diags="passed",
        reason={"code": "no-time"},
        late={"at": "then"},
    )

    described = run(OWNER, 5, priority=7, errors="none", documents=documents).describe(OWNER)

    assert described == {
        "start-time": "2026-11-23T12:00:05+00:00",
        "end-time": "2026-11-23T12:00:08+00:00",
        "duration": "PT3S",
        "participant": 1,
        "participants": ["here", "there"],
        "participant-data": {"a": 1},
        "participant-data-full": [{"a": 1}, {"b": 2}],
        "result": {"local": 1},
        "result-full": [{"local": 1}, None],
        "result-merged": {"merged": 1},
        "state": "pending",
        "state-display": "Pending",
        "errors": "none",
        "added": "2026-11-23T12:00:00+00:00",
        "priority": 7,
        "limit-diags": "passed",
        "clock-survey": [{"offset": 1}],
        "reason": {"code": "no-time"},
        "late": {"at": "then"},
    }


def test_what_few_runs_have_is_left_out_of_the_others() -> None:
    assert {"clock-survey", "reason", "late"} & run(OWNER).describe(OWNER).keys() == set()


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({}, None),
        ({"documents": Documents(reason={"message": "reason"})}, "reason"),
        ({"documents": Documents(result={"error": "local"}, reason={"message": "reason"})}, "local"),
        ({"errors": "run's", "documents": Documents(result={"error": "local"})}, "run's"),
        ({"errors": "run's", "documents": Documents(result_merged={"error": "merged"})}, "merged"),
        ({"documents": Documents(result_merged={"error": 5}, result="text")}, None),  # no sentences
    ],
)
def test_why_a_run_failed_is_what_its_whole_result_says_or_else_what_is_nearest_to_it(
    changes: dict[str, Any], failure: str | None
) -> None:
    assert run(OWNER, **changes).failure == failure


DAYS = 2 * 86_400


@pytest.mark.parametrize(
    ("changes", "now", "is_forgotten"),
    [
        ({"state": State.FINISHED}, 3 + DAYS, True),  # two days after its end
        ({"state": State.FINISHED}, 3 + DAYS - 1, False),
        ({"state": State.RUNNING}, 3 + DAYS, False),
        ({"state": State.CLEANUP}, 3 + DAYS, False),
        ({"state": State.FINISHED, "purge_at": at(10)}, 10, True),
        ({"state": State.FINISHED, "purge_at": at(10)}, 9, False),
    ],
)
def test_a_run_that_is_over_counts_as_gone_once_it_was_kept_long_enough(
    changes: dict[str, Any], now: float, is_forgotten: bool
) -> None:
    assert run(OWNER, **changes).is_forgotten(at(now)) is is_forgotten


@pytest.mark.parametrize(
    ("changes", "now", "is_abandoned"),
    [
        ({"state": State.RUNNING, "leased_until": at(1)}, 0.9, False),
        ({"state": State.RUNNING, "leased_until": at(1)}, 1, True),
        ({"state": State.RUNNING, "leased_until": at(1)}, 2.9, True),
        ({"state": State.RUNNING, "leased_until": at(1)}, 3, False),  # there is nothing left to measure
        ({"state": State.RUNNING}, 2, False),
        ({"state": State.PENDING, "leased_until": at(1)}, 2, False),
    ],
)
def test_a_run_is_abandoned_once_its_lease_has_run_out_before_its_end(
    changes: dict[str, Any], now: float, is_abandoned: bool
) -> None:
    assert run(OWNER, **changes).is_abandoned(at(now)) is is_abandoned


@pytest.mark.parametrize(("abandoned", "is_hopeless"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_run_is_hopeless_once_three_runners_vanished_with_it(abandoned: int, is_hopeless: bool) -> None:
    assert run(OWNER, abandoned=abandoned).is_hopeless is is_hopeless


@pytest.mark.parametrize(
    ("one", "is_open"),
    [
        (run(OWNER, state=State.SCHEDULING), True),
        (run(OWNER, awaiting=True), True),
        (run(OWNER), False),
    ],
)
def test_a_run_is_being_agreed_on_while_it_is_placed_or_waits_to_be_told(one: Run, is_open: bool) -> None:
    assert one.is_being_agreed_on is is_open


@pytest.mark.parametrize(
    ("full", "sentence"),
    [
        (None, "Its results were put with succeeded false"),
        ([{"succeeded": False}, None], "Its results were put with succeeded false"),
        (
            [{"error": "a"}, {}, {"error": "b"}],
            "Its results were put with succeeded false: participant 0: a; participant 2: b",
        ),
    ],
)
def test_results_that_were_put_as_failed_say_what_participants_said(full: Any, sentence: str) -> None:
    assert reported_failed(full) == Reason("reported-failed", sentence)


def test_no_more_than_a_thousand_characters_are_said_of_it() -> None:
    assert len(reported_failed([{"error": "x" * 2000}]).message) == 1000


def test_a_reason_names_the_run_in_the_way_where_there_is_one() -> None:
    assert Reason("a", "b").describe() == {"code": "a", "message": "b"}
    assert Reason("a", "b", "c").describe() == {"code": "a", "message": "b", "blocking-run": "c"}


@pytest.mark.parametrize(
    ("scheduling_class", "exclusive"),
    [("exclusive", True), ("normal", False), ("background", None), ("background-multi", None)],
)
def test_a_run_takes_up_its_time_by_the_class_of_its_test(
    scheduling_class: str, exclusive: bool | None
) -> None:
    owner = exclusive_task(scheduling_class=scheduling_class)
    one = run(owner, 5, priority=2)
    taken = None if exclusive is None else Occupation(at(5), at(8), exclusive, 2, owner.uuid, one.uuid)

    assert occupation(one, owner) == taken


def test_documents_come_back_without_what_this_release_does_not_know() -> None:
    kept = Documents(result={"a": 1}, limit_diags="")

    assert kept.stored() == {"result": {"a": 1}, "limit_diags": ""}
    assert Documents.restored({**kept.stored(), "of-a-later-release": 1}) == kept


def test_a_run_that_was_ever_running_has_begun() -> None:
    pending = run(OWNER, 5)
    running = pending.evolve(state=State.RUNNING)

    assert [one.began for one in (pending, running, running.evolve(state=State.FAILED))] == [
        False,
        True,
        True,
    ]
