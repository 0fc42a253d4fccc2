"""Which tasks of the listing are wanted, and which by what changes."""

from typing import Any

import pytest

from chalicelib.domain.task_filter import ANY, TaskFilter
from tests.builders import task

DOCUMENT = {**task().document, "reference": {"mesh": ["a", "b"], "owner": "noc"}}
ONE = task(document=DOCUMENT)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"held": {"test": {"type": "idle"}}}, True),
        ({"held": {"test": {"type": "rtt"}}}, False),
        ({"held": {"test": {"type": "idle"}, "detail": {"no": "matter"}}}, True),  # that is looked at later
        ({"held": {"test": {"type": "rtt"}, "detail": {}}}, False),
        ({"held": []}, False),
        ({"held": None}, False),
        ({"test": "idle"}, True),
        ({"test": "rtt"}, False),
        ({"tool": "snooze"}, True),
        ({"tool": "sleep"}, False),
        ({"requester": "192.0.2.1"}, True),
        ({"requester": "192.0.2.2"}, False),
        ({"enabled": ONE.enabled}, True),
        ({"enabled": not ONE.enabled}, False),
        ({"reference": {"owner": "noc"}}, True),
        ({"reference": {"owner": "else"}}, False),
        ({"reference": None}, False),  # it has one
        ({"reference": ANY}, True),
        ({"test": "idle", "tool": "sleep"}, False),
        ({"test": "rtt", "tool": "snooze"}, False),
    ],
)
def test_a_task_is_wanted_that_has_all_that_is_asked_for(asked: dict[str, Any], fits: bool) -> None:
    assert TaskFilter(**asked).fits(ONE) is fits


@pytest.mark.parametrize(
    ("held", "asks", "fits"),
    [
        ({}, False, True),
        ([], False, True),
        ({"test": {"type": "rtt"}}, False, True),  # nothing is asked of its detail
        ({"detail": {"enabled": ONE.detail()["enabled"]}}, True, True),
        ({"detail": {"enabled": not ONE.detail()["enabled"]}}, True, False),
    ],
)
def test_what_changes_is_asked_of_the_task_as_it_is(held: Any, asks: bool, fits: bool) -> None:
    wanted = TaskFilter(held=held)

    assert wanted.asks_for_detail is asks
    assert wanted.fits_detail(ONE) is fits
