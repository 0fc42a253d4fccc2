"""Whose turn it is when there are fewer workers than messages."""

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from local.message_lanes import MOST_PARKED, Lanes, lane_of


def message(lane: str | None, number: int, name: str | None = None) -> dict[str, Any]:
    body = {"number": number} | ({} if lane is None else {"lane": lane})
    return {"Body": json.dumps(body), "MessageId": name or f"{lane}-{number}", "ReceiptHandle": "r"}


def filled(lanes: Lanes, **counts: int) -> Lanes:
    for lane, count in counts.items():
        for number in range(count):
            lanes.park(message(lane, number))
    return lanes


def taken(lanes: Lanes) -> list[Any]:
    return [lane_of(each) for each in iter(lanes.take, None)]


def test_a_lane_holds_no_more_workers_than_it_may() -> None:
    lanes = filled(Lanes(workers=100, widest=4), hangs=1000)

    assert taken(lanes) == ["hangs"] * 4


def test_a_lane_of_its_own_does_not_wait_behind_a_flood() -> None:
    lanes = filled(Lanes(workers=10, widest=4), flood=1000)
    taken(lanes)

    filled(lanes, other=1)

    assert taken(lanes) == ["other"]


def test_workers_are_shared_once_half_of_them_are_busy() -> None:
    lanes = Lanes(workers=8, widest=4)
    filled(lanes, a=9, b=9)
    first = taken(lanes)

    filled(lanes, c=9, d=9)

    assert sorted(first) == ["a"] * 3 + ["b"] * 3
    assert sorted(taken(lanes)) == ["c", "d"], "which a quarter was kept for"
    for lane in "aabb":
        lanes.done(message(lane, 0))
    assert len(taken(lanes)) == 2, "two more, and a quarter is kept again"


def test_what_is_in_no_lane_may_take_all_workers() -> None:
    lanes = Lanes(workers=8, widest=8)
    for number in range(20):
        lanes.park(message(None, number))

    assert len(taken(lanes)) == 8


def test_what_came_first_in_a_lane_goes_first() -> None:
    lanes = filled(Lanes(workers=2, widest=2), a=3)

    assert [json.loads(each["Body"])["number"] for each in iter(lanes.take, None)] == [0, 1]


def test_the_same_twice_waits_once() -> None:
    lanes = Lanes(workers=1, widest=1)
    lanes.park(message("a", 1, "first"))

    doubled = lanes.park(message("a", 1, "second"))
    again = lanes.park(message("a", 1, "second"))  # its visibility time-out has passed: a newer receipt

    assert doubled is not None
    assert doubled["MessageId"] == "first"
    assert again is None
    assert lanes.parked == 1


def test_a_lane_keeps_so_many_and_no_more() -> None:
    lanes = filled(Lanes(workers=1, widest=1), a=MOST_PARKED)

    assert lanes.is_full(message("a", MOST_PARKED))
    assert not lanes.is_full(message("a", 5))  # that one is there
    assert not lanes.is_full(message("b", 0))


def test_a_body_that_is_no_object_is_in_no_lane() -> None:
    for body in ("hello", "[1]", '{"lane": 5}', "null"):
        assert lane_of({"Body": body}) == ""


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_every_message_has_its_turn_and_no_worker_is_lost(
    steps: list[tuple[str, bool]], workers: int, widest: int
) -> None:
    lanes, under_way, seen = Lanes(workers, widest), [], 0
    for number, (lane, is_done) in enumerate(steps):
        lanes.park(message(lane, number))
        under_way += iter(lanes.take, None)
        if is_done and under_way:
            lanes.done(under_way.pop(0))
            seen += 1
        assert lanes.idle == workers - len(under_way)
        assert all(sum(lane_of(each) == one for each in under_way) <= widest for one in "abc")
    while under_way or lanes.parked:
        under_way += iter(lanes.take, None)
        lanes.done(under_way.pop(0))
        seen += 1
    assert seen == len(steps)
    assert lanes.left() == []
