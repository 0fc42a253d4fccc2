import pytest

from chalicelib.domain.delivery import (
    ATTEMPT_TIMEOUT,
    EVENTS,
    LONGEST_WAIT,
    SHORTEST_WAIT,
    back_off,
    deliveries_for,
    events_for,
    notifications,
)
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.errors import BadTransition
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from tests.builders import NODE, NOON, at, run, seconds, task

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


def test_the_state_of_a_delivery_follows_from_how_far_it_has_come() -> None:
    (waiting,) = deliveries_for([BITBUCKET], over(), NOON)
    begun = waiting.begun(NOON)

    assert waiting.state is DeliveryState.WAITING
    assert begun.state is begun.begun(at(180)).state is DeliveryState.UNDER_WAY
    assert begun.ended(at(1), {}, archived=False, retry=seconds(1)).state is DeliveryState.WAITING
    assert begun.ended(at(1), {}, archived=True).state is DeliveryState.ARCHIVED
    assert waiting.ended(at(1), {}, archived=False).state is DeliveryState.FAILED


@pytest.mark.parametrize("archived", [True, False])
def test_a_delivery_that_is_over_is_never_attempted_again(archived: bool) -> None:
    (waiting,) = deliveries_for([BITBUCKET], over(), NOON)
    ended = waiting.begun(NOON).ended(at(1), {}, archived=archived)

    with pytest.raises(BadTransition, match="cannot become"):
        ended.begun(at(2))


def test_a_delivery_is_not_archived_without_an_attempt() -> None:
    (waiting,) = deliveries_for([BITBUCKET], over(), NOON)

    with pytest.raises(BadTransition, match="waiting cannot become archived"):
        waiting.ended(NOON, {}, archived=True)


@pytest.mark.parametrize("state", EVENTS)
def test_an_end_without_a_result_is_told_to_archives_that_ask_for_it(state: State) -> None:
    asking = {**BITBUCKET, "schema": 4, "events": [state.value]}
    other = {**BITBUCKET, "schema": 4, "events": [next(each.value for each in EVENTS if each != state)]}
    everything = {**BITBUCKET, "schema": 2, "runs": "all"}

    found = events_for([everything, asking, other], run(task(), state=state), NOON)

    assert [(each.number, each.spec["events"]) for each in found] == [(1, [state.value])]


def test_waits_double_up_to_an_hour_and_differ_by_chance() -> None:
    waits = [back_off(attempts, chance=0) for attempts in range(1, 30)]

    assert waits[:3] == [SHORTEST_WAIT, SHORTEST_WAIT * 2, SHORTEST_WAIT * 4]
    assert max(waits) == waits[-1] == LONGEST_WAIT
    assert back_off(3, chance=1) == SHORTEST_WAIT * 2


def test_the_last_attempt_is_not_put_off_beyond_the_time_to_live() -> None:
    (delivery,) = deliveries_for([{**BITBUCKET, "ttl": "PT1M"}], over(), NOON)

    ended = delivery.begun(NOON).ended(at(1), {}, archived=False, retry=seconds(3600))

    assert ended.next_attempt == at(60)


def test_what_was_given_up_is_tried_again_as_if_its_result_were_new() -> None:
    (delivery,) = deliveries_for([{**BITBUCKET, "ttl": "PT1M"}], over(), NOON)
    given_up = delivery.begun(NOON).ended(at(1), {"return-code": 1, "stderr": "no"}, archived=False)

    revived = given_up.revived(at(500))

    assert (given_up.state, given_up.last_error) == (DeliveryState.FAILED, "no")
    assert (revived.state, revived.attempts, revived.next_attempt) == (DeliveryState.WAITING, 0, at(500))
    assert revived.deadline == at(560)
    assert revived.id == delivery.id


def test_what_goes_to_one_place_is_one_lane() -> None:
    def lane(archiver: str, **data: object) -> str:
        (delivery,) = deliveries_for([{"archiver": archiver, "data": data}], over(), NOON)
        return delivery.lane

    here = lane("http", _url="http://u:secret@host.example:81/a?k=1")
    assert here == lane("http", _url="http://HOST.example:81/b", _headers={"A": "b"})
    others = [
        lane("http", _url="http://host.example:82/a"),
        lane("http", _url="https://host.example:81/a"),
        lane("http", _url="http://[broken/"),
        lane("tcp", host="host.example", port=81),
        lane("tcp", host="host.example", port=82),
        lane("postgresql", _dsn="host=a", table="t"),
        lane("postgresql", _dsn="host=b", table="t"),
    ]
    assert len({here, *others}) == 8
    assert all(len(each) == 32 and "secret" not in each for each in (here, *others))


def test_there_is_a_delivery_for_each_archive_that_is_due_at_once() -> None:
    ended = over()

    one, other = deliveries_for([BITBUCKET, {**BITBUCKET, "runs": "failed"}, BITBUCKET], ended, NOON)

    assert (one.node, one.task, one.run) == (ended.node, ended.task, ended.uuid)
    assert (one.added, one.next_attempt) == (NOON, NOON)
    assert [one.number, other.number] == [0, 2]  # an archive has its number whatever it selects


def test_an_attempt_is_counted_from_when_it_is_begun_until_it_reports() -> None:
    (delivery,) = deliveries_for([BITBUCKET], over(), NOON)

    begun = delivery.begun(at(5)).begun(at(200))
    ended = begun.ended(at(201), {}, False, seconds(10))

    assert (begun.attempts, begun.silent, begun.last_attempt) == (2, 2, at(200))
    assert (ended.attempts, ended.silent, ended.last_attempt) == (2, 0, at(200))


def test_a_notification_goes_to_each_archive_whatever_it_selects() -> None:
    archives = [{"archiver": "bitbucket", "data": {}}, {"archiver": "http", "data": {}, "ttl": "PT1M"}]

    found = notifications(NODE, RunId("n"), archives, {"state": "bad"}, NOON)

    assert [(each.run, each.task, each.number, each.spec) for each in found] == [
        ("n", "", 0, archives[0]),
        ("n", "", 1, archives[1]),
    ]
    assert {(each.node, str(each.document), each.next_attempt) for each in found} == {
        (NODE, "{'state': 'bad'}", NOON)
    }
    assert [each.deadline for each in found] == [None, at(60)]
