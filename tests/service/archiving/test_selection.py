"""Which archives hear of a run, and which deliveries a filter means."""

from typing import Any

import pytest

from chalicelib.domain.delivery import deliveries_for
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.archiving import selection
from chalicelib.service.archiving.replay import DeliveryFilter, chosen
from tests.builders import NOON, run, task


def archive(**members: Any) -> dict[str, Any]:
    return {"archiver": "bitbucket", "data": {}, **members}


def archived(*archives: dict[str, Any], **changes: Any) -> Task:
    return task(document={**task().document, "archives": list(archives)}, **changes)


OURS = archived(archive(events=["nonstart"]))
LED_ELSEWHERE: dict[str, Any] = {"participant": 1, "participants": ("there", "here")}


@pytest.mark.parametrize(
    ("owner", "delivered"),
    [
        (OURS, 1),
        (OURS.evolve(**LED_ELSEWHERE), 0),
        (OURS.evolve(**LED_ELSEWHERE, scheduling_class="background-multi"), 1),  # each archives its own
        (task(), 0),
    ],
)
def test_the_lead_archives_but_results_that_stream_are_archived_where_they_came_to_be(
    owner: Task, delivered: int
) -> None:
    over = run(owner, state=State.FINISHED)

    assert len(selection.of_result(owner, over, NOON)) == delivered
    assert len(selection.of_event(owner, run(owner, state=State.NONSTART), NOON)) == delivered
    assert selection.wants_nonstarters(owner) is bool(delivered)


def test_of_runs_that_were_placed_together_archives_hear_of_those_that_cannot_be() -> None:
    refused, placed = run(OURS, state=State.NONSTART), run(OURS)

    found = selection.of_nonstarters(OURS, [placed, refused], NOON)

    assert [each.run for each in found] == [refused.uuid]


@pytest.mark.parametrize(
    ("events", "wants"), [(["nonstart"], True), (["missed"], False), (["missed", "nonstart"], True)]
)
def test_nonstarters_are_for_archives_that_ask_for_them(events: list[str], wants: bool) -> None:
    assert selection.wants_nonstarters(archived(archive(), archive(events=events))) is wants


TASK = archived(archive(label="one"), archive(archiver="failer"))
RUN = run(TASK, state=State.FINISHED)
FIRST, SECOND = deliveries_for(TASK.archives, RUN, NOON)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (DeliveryFilter(), [FIRST, SECOND]),
        (DeliveryFilter(archiver="failer"), [SECOND]),
        (DeliveryFilter(label="one"), [FIRST]),
        (DeliveryFilter(label="two"), []),
        (DeliveryFilter(task=TASK.uuid, run=RUN.uuid), [FIRST, SECOND]),
        (DeliveryFilter(task="another"), []),
        (DeliveryFilter(run="another"), []),
        (DeliveryFilter(archiver="failer", label="one"), []),  # all of it has to hold
    ],
)
def test_a_filter_means_the_deliveries_for_which_all_of_it_holds(
    wanted: DeliveryFilter, found: list[Any]
) -> None:
    assert chosen(wanted, [FIRST, SECOND]) == found
