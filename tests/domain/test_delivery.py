import pytest

from chalicelib.domain.delivery import ATTEMPT_TIMEOUT, deliveries_for
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from tests.builders import NOON, at, run, seconds, task

BITBUCKET = {"archiver": "bitbucket", "data": {}}


def over(state: State = State.FINISHED) -> Run:
    """A run that has ended."""
    return run(task(), state=state)


@pytest.mark.parametrize(
    ("selector", "state", "delivered"),
    [
        (None, State.FINISHED, True),  # the default is what succeeded
        (None, State.FAILED, False),
        ("succeeded", State.FINISHED, True),
        ("failed", State.FAILED, True),
        ("failed", State.FINISHED, False),
        ("failed", State.CANCELED, False),
        ("all", State.CANCELED, True),
    ],
)
def test_a_selector_picks_by_the_state_of_the_run(
    selector: str | None, state: State, delivered: bool
) -> None:
    spec = {**BITBUCKET, **({"runs": selector} if selector else {})}

    found = deliveries_for([spec], over(state), NOON)

    assert bool(found) == delivered
    assert all(one.spec["runs"] == (selector or "succeeded") for one in found)


def test_the_time_to_live_starts_with_the_result() -> None:
    (delivery,) = deliveries_for([{**BITBUCKET, "ttl": "PT1M"}], over(), NOON)

    begun = delivery.begun(NOON)

    assert not begun.is_expired(at(59))
    assert begun.is_expired(at(60))
    assert not delivery.is_expired(at(60))  # one attempt is made, however late


def test_an_attempt_that_never_reports_is_made_again() -> None:
    (delivery,) = deliveries_for([BITBUCKET], over(), NOON)

    assert delivery.begun(at(5)).next_attempt == at(5) + ATTEMPT_TIMEOUT


@pytest.mark.parametrize(
    ("archived", "retry", "completed", "next_attempt"),
    [(True, None, True, None), (False, None, True, None), (False, 10, False, 15), (True, 10, True, None)],
)
def test_a_delivery_ends_or_is_tried_again(
    archived: bool, retry: int | None, completed: bool, next_attempt: int | None
) -> None:
    (delivery,) = deliveries_for([BITBUCKET], over(), NOON)

    ended = delivery.begun(at(1)).ended(
        at(5), {"return-code": 0}, archived, seconds(retry) if retry else None
    )

    assert (ended.archived, ended.completed) == (archived, completed)
    assert ended.next_attempt == (at(next_attempt) if next_attempt else None)
    assert ended.diags[-1] == {"time": at(5).isoformat(), "return-code": 0}


def test_attempts_that_never_report_are_given_up_after_a_few() -> None:
    (delivery,) = deliveries_for([BITBUCKET], over(), NOON)

    silent = delivery.begun(NOON).begun(at(180)).begun(at(360))
    heard = silent.ended(at(361), {}, archived=False, retry=seconds(1))

    assert not delivery.begun(NOON).begun(at(180)).is_hopeless
    assert silent.is_hopeless
    assert not heard.is_hopeless
