"""The terms tasks are found by: no search may miss what it would find by looking at every task."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.domain.task_terms import MEMBERS, of_filter, of_task
from tests.builders import task

MOST = MEMBERS["reference"]


def owner(**members: Any) -> Task:
    return task(document={**task().document, **members})


def may_find(wanted: TaskFilter, one: Task) -> bool:
    terms = set(of_task(one))
    return all(terms.intersection(alternatives) for alternatives in of_filter(wanted))


@pytest.mark.parametrize(
    ("members", "held", "found"),
    [
        ({"reference": {"a": 1, "b": 2}}, {"reference": {"a": 1}}, True),
        ({"reference": {"a": 1}}, {"reference": {"a": 1.0}}, True),  # as the check has it
        ({"reference": {"a": 1}}, {"reference": {"a": True}}, False),
        ({"reference": {"a": None}}, {"reference": {"a": None}}, True),
        ({"reference": {"a": [1, {"b": 2}]}}, {"reference": {"a": [{"b": 2}]}}, True),  # anywhere in it
        ({"reference": {"a": [1]}}, {"reference": {"a": 1}}, False),
        ({"reference": "plain"}, {"reference": "plain"}, True),
        ({"reference": {"a": {"b": 1}}}, {"reference": {"a": {}}}, True),  # no scalar, no term
        ({"reference": {"a": 1}}, {"reference": {"b": 1}}, False),
        ({"reference": {"0": "x"}}, {"reference": ["x"]}, False),  # a name is no place in an array
        ({"schedule": {"repeat": "PT1H"}}, {"schedule": {"repeat": "PT1H"}}, True),
        ({}, {"test": {"type": "idle", "spec": {"duration": "PT2S"}}}, True),
        ({}, {"test": {"spec": {"duration": "PT3S"}}}, False),
        ({}, {"tool": "snooze"}, True),
        ({}, {"detail": {"enabled": True}}, True),
        ({}, {"detail": {"enabled": False}}, False),
        ({}, {"detail": {"hints": {"requester": "192.0.2.1"}}}, True),
        ({}, {"detail": {"hints": {"requester": "192.0.2.9"}}}, False),
        ({}, {"detail": {"hints": "192.0.2.9"}}, True),  # asks for what has no terms
        ({}, ["tool", "sleep"], True),  # is no document: nothing is looked up
        ({"priority": 3}, {"priority": 4}, True),  # has no terms: every task is looked at
        ({"reference": list(range(MOST + 1))}, {"reference": [MOST]}, True),  # undivided
        ({"reference": list(range(MOST + 1))}, {"tool": "snooze"}, True),  # the others are not
        ({"reference": list(range(MOST + 1))}, {"tool": "sleep"}, False),
    ],
)
def test_a_task_has_the_terms_of_what_it_holds(members: Any, held: Any, found: bool) -> None:
    assert may_find(TaskFilter(held=held), owner(**members)) is found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (TaskFilter(test="idle", tool="snooze", requester="192.0.2.1", enabled=True), True),
        (TaskFilter(test="rtt"), False),
        (TaskFilter(tool="ping"), False),
        (TaskFilter(requester="192.0.2.9"), False),
        (TaskFilter(enabled=False), False),
        (TaskFilter(reference={"a": 1}), True),
        (TaskFilter(reference={"a": 2}), False),
    ],
)
def test_filters_beside_a_document_are_terms_too(wanted: TaskFilter, found: bool) -> None:
    assert may_find(wanted, owner(reference={"a": 1})) is found


def test_terms_are_those_that_are_stored_already() -> None:
    assert of_task(task()) == [
        "6Sg4ZNzMG2g1r7QCrpoM316Q",
        "ykYgAIHSFW7GbRth8cyX4ekx",
        "8Jc31GoS5xneVdF7QAOPagQM",
        "UADXU1VGvxP85RFe8DmzQnlP",
        "KKDJPIcJ559p3APaOlDI9YyS",
    ]
    assert of_filter(TaskFilter(enabled=False)) == [("Biz6lpFbSPbcaSYVOT8CJ3eo",)]


def test_what_no_search_may_match_has_no_term() -> None:
    assert of_task(owner(reference={"_secret": 1})) == of_task(owner())
    assert of_filter(TaskFilter(held={"reference": {"_secret": 1}})) == []


def test_however_much_a_task_holds_its_terms_are_few() -> None:
    large = owner(reference={str(number): number for number in range(10_000)})

    assert len(of_task(large)) <= sum(MEMBERS.values()) + 2


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5, "", "a", "_"])
NAMES = st.sampled_from(["a", "b", "_c"])
VALUES = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=3), max_leaves=6
)


@given(reference=VALUES, wanted=VALUES)
def test_no_search_misses_what_a_task_holds(reference: Any, wanted: Any) -> None:
    search, one = TaskFilter(held={"reference": wanted}), owner(reference=reference)

    assert may_find(search, one) or not search.fits(one)
