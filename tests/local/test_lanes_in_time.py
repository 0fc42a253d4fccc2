"""A healthy sink beside ten that hang, in simulated time, with the workers that a node has."""

import heapq
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.load import percentile
from local.message_lanes import Lanes, lane_of
from local.poller import WIDEST, WORKERS

HANGING, EACH, RESULTS = 10, 1000, 400
APART, TAKES, HANGS = 0.05, 0.02, 30.0
"""Seconds between results for the healthy sink, and those that it and a hanging one hold a worker."""


def message(lane: str, number: int) -> dict[str, Any]:
    return {"Body": json.dumps({"number": number, "lane": lane}), "MessageId": f"{lane}-{number}"}


def arrivals(hanging: int) -> Iterator[tuple[float, dict[str, Any]]]:
    """All that comes in: what hangs at once, then results for the healthy sink."""
    for lane in range(hanging):
        yield from ((0.0, message(f"hangs{lane}", number)) for number in range(EACH))
    yield from ((1 + number * APART, message("healthy", number)) for number in range(RESULTS))


def waits(lanes: Lanes, hanging: int) -> list[float]:
    """Seconds from each result's coming in until the healthy sink has it."""
    order = itertools.count()
    coming = [(at, next(order), True, each) for at, each in arrivals(hanging)]
    heapq.heapify(coming)
    came: dict[str, float] = {}
    took: list[float] = []
    while coming and len(took) < RESULTS:
        now, _, is_new, each = heapq.heappop(coming)
        if is_new:
            came[each["MessageId"]] = now
            lanes.park(each)
        else:
            lanes.done(each)
            if lane_of(each) == "healthy":
                took.append(now - came[each["MessageId"]])
        while taken := lanes.take():
            lasts = TAKES if lane_of(taken) == "healthy" else HANGS
            heapq.heappush(coming, (now + lasts, next(order), False, taken))
    return took


def deliveries() -> Lanes:
    return Lanes(WORKERS["deliveries"], WIDEST["deliveries"])


def test_ten_sinks_that_hang_delay_no_other() -> None:
    alone = waits(deliveries(), 0)
    beside = waits(deliveries(), HANGING)

    assert (len(alone), len(beside)) == (RESULTS, RESULTS)
    assert percentile(beside, 95) <= 1.1 * percentile(alone, 95)
    assert max(beside) <= 1.1 * max(alone)


@pytest.mark.parametrize("hanging", [64, 100])
def test_so_many_that_they_could_take_every_worker_leave_some(hanging: int) -> None:
    beside = waits(deliveries(), hanging)

    assert len(beside) == RESULTS
    assert max(beside) <= TAKES + APART


def test_one_lane_for_all_would_delay_it() -> None:
    crowded = waits(Lanes(WORKERS["deliveries"], WORKERS["deliveries"]), HANGING)

    assert percentile(crowded, 95) > 10 * TAKES
