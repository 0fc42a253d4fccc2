"""Which runs an agent can take, and why it cannot take the others."""

import pytest

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.service.agents.offers import objection
from tests.builders import at, run, seconds, task

OWNER = task(duration=seconds(60))
STREAM = task(duration=seconds(60), scheduling_class="background-multi")


def ready(owner: Task = OWNER, **changes: object) -> Run:
    return run(owner, 10, **{"dispatched": True, **changes})


@pytest.mark.parametrize(
    ("owner", "one", "why"),
    [
        (OWNER, ready(), None),
        (None, ready(), "Its task was cancelled"),
        (OWNER.evolve(enabled=False), ready(), "Its task was cancelled"),
        (OWNER, ready(state=State.CANCELED), "It is canceled"),
        (OWNER, ready(state=State.RUNNING), "It is running"),
        (OWNER, ready(dispatched=False), "Its participants have not agreed yet"),
        (OWNER, ready(awaiting=True), "Its participants have not agreed yet"),
        (OWNER, ready(holder="another"), "Another instance of the agent has taken it"),
        (OWNER, ready(holder="one"), None),  # its own
    ],
)
def test_a_run_is_offered_while_nobody_has_it_and_nothing_is_in_its_way(
    owner: Task | None, one: Run, why: str | None
) -> None:
    assert objection(owner, one, "one", at(0)) == why


@pytest.mark.parametrize(
    ("owner", "now", "why"),
    [
        (OWNER, 10.9, None),
        (OWNER, 11, "Its start has passed"),
        (STREAM, 69.9, None),  # one that streams is worth starting late
        (STREAM, 70, "Its start has passed"),
    ],
)
def test_a_run_is_offered_until_a_second_after_its_start_or_until_its_end_where_it_streams(
    owner: Task, now: float, why: str | None
) -> None:
    assert objection(owner, ready(owner), "one", at(now)) == why
