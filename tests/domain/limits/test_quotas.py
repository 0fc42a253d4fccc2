"""What a quota counts, for whom and until when, and how one is read. (An addition.)"""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits.quotas import Charge, Quota, quotas
from tests.builders import NOON, at

HOUR = dt.timedelta(hours=1)
EACH = Quota("guests", "guests", "requester", "tasks", 10, HOUR)
NOON_HOUR = int(NOON.timestamp()) // 3600
HINTS: dict[str, Any] = {"requester": "192.0.2.1"}


def test_a_charge_is_of_the_window_it_falls_into() -> None:
    charge = EACH.charge("tasks", 2, HINTS, ["guests"], at(3599))

    assert charge == Charge(EACH, f"guests#192.0.2.1#{NOON_HOUR}", 2, NOON + HOUR)


@pytest.mark.parametrize(
    ("quota", "hints", "who"),
    [
        (EACH, {"requester": "192.0.2.1", "api-key": "probe"}, "probe"),  # the same wherever it asks from
        (Quota("guests", None, "class", "tasks", 10, HOUR), HINTS, "all"),
    ],
)
def test_a_quota_is_of_each_requester_or_of_all_together(
    quota: Quota, hints: dict[str, Any], who: str
) -> None:
    charge = quota.charge("tasks", 1, hints, ["guests"], NOON)

    assert charge is not None
    assert charge.counter == f"guests#{who}#{NOON_HOUR}"


@pytest.mark.parametrize(
    ("what", "amount", "classified", "is_charged"),
    [
        ("tasks", 1, ["guests"], True),
        ("runs", 1, ["guests"], False),
        ("tasks", 0, ["guests"], False),
        ("tasks", 1, ["friends"], False),
    ],
)
def test_a_quota_has_nothing_to_do_with_what_it_does_not_count(
    what: str, amount: int, classified: list[str], is_charged: bool
) -> None:
    assert (EACH.charge(what, amount, HINTS, classified, NOON) is not None) is is_charged


@pytest.mark.parametrize(
    ("quota", "sentence"),
    [
        (EACH, 'quota "guests" is used up: 10 tasks for each requester until 2026-11-23T13:00:00+00:00'),
        (
            Quota("time", None, "class", "exclusive-seconds", 600, HOUR),
            'quota "time" is used up: 600 exclusive seconds for all together until 2026-11-23T13:00:00+00:00',
        ),
    ],
)
def test_a_refusal_says_what_is_used_up_and_until_when(quota: Quota, sentence: str) -> None:
    charge = quota.charge(quota.of, 1, HINTS, ["guests"], NOON)

    assert charge is not None
    assert charge.refusal == sentence


ONE: dict[str, Any] = {"name": "guests", "description": "", "of": "tasks", "most": 10, "window": "PT1H"}


def test_a_quota_is_for_each_requester_of_any_class_unless_it_says_otherwise() -> None:
    other = {**ONE, "name": "b", "classifier": "friends", "per": "class", "window": "P31D"}

    assert quotas([ONE, other], ["friends"]) == [
        Quota("guests", None, "requester", "tasks", 10, HOUR),
        Quota("b", "friends", "class", "tasks", 10, dt.timedelta(days=31)),
    ]


@pytest.mark.parametrize(
    ("second", "pointer", "sentence"),
    [
        ({"name": "guests"}, "name", "must be unique, have 1 to 100 characters, and no #"),
        ({"name": ""}, "name", "must be unique, have 1 to 100 characters, and no #"),
        ({"name": "a#b"}, "name", "must be unique, have 1 to 100 characters, and no #"),
        ({"name": "a" * 101}, "name", "must be unique, have 1 to 100 characters, and no #"),
        ({"classifier": "x"}, "classifier", 'must be defined in this policy; there is no classifier "x"'),
        ({"window": "PT0S"}, "window", "must be from a second to 31 days"),
        ({"window": "P31DT1S"}, "window", "must be from a second to 31 days"),
        ({"window": "soon"}, "window", '"soon" is not an ISO 8601 duration'),
    ],
)
def test_a_mistake_in_a_quota_is_named(second: dict[str, Any], pointer: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        quotas([ONE, {**ONE, "name": "second", **second}], ["friends"])

    assert (refusal.value.pointer, refusal.value.sentence) == (f"/quotas/1/{pointer}", sentence)


def test_a_name_may_have_a_hundred_characters_and_a_window_a_second() -> None:
    (found,) = quotas([{**ONE, "name": "a" * 100, "window": "PT1S"}], [])

    assert (len(found.name), found.window) == (100, dt.timedelta(seconds=1))
