"""What a host is given of a run, and what it gives back, as documents."""

import dataclasses
from typing import Any

import pytest

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.errors import Invalid
from chalicelib.domain.run import Documents
from tests.builders import at, run, seconds, task


def assigned(**changes: Any) -> Assignment:
    section = {"contexts": [[{"context": "changenothing", "data": {}}]]}
    owner = task(document={**task().document, "schema": 2, "contexts": section})
    one = run(owner).evolve(documents=Documents(participant_data_full=[{"port": 5201, "_auth": "x"}]))
    return dataclasses.replace(Assignment.of(owner, one), **changes)


@pytest.mark.parametrize("since", [None, at(7.25)])
def test_a_document_says_all_that_its_reader_needs(since: Any) -> None:
    given = assigned(since=since, streams=since is not None)

    assert Assignment.from_json(given.to_json()) == given
    assert given.participant_data == [{"port": 5201, "_auth": "x"}]
    assert given.contexts == [{"context": "changenothing", "data": {}}]


def test_what_a_later_version_says_besides_is_passed_over() -> None:
    given = assigned()

    assert Assignment.from_json({**given.to_json(), "colour": "red"}) == given


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"task": "x"}, "/task"),
        ({"run": None}, "/run"),
        ({"spec": []}, "/spec"),
        ({"start": "noon"}, "/start"),
        ({"participant": -1}, "/participant"),
        ({"contexts": [{"context": "a"}]}, "/contexts/0"),
        ({"participant-data": [{}] * 101}, "/participant-data"),
        ({"streams": "yes"}, "/streams"),
    ],
)
def test_what_is_wrong_is_pointed_at(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        Assignment.from_json({**assigned().to_json(), **change})

    assert refused.value.pointer == pointer


def test_a_run_that_is_carried_on_is_so_from_where_it_was_left() -> None:
    assert Assignment.of(task(), run(task()), at(3)).since == at(3)


def test_members_that_may_be_left_out_are_empty_then() -> None:
    told = {name: value for name, value in assigned().to_json().items() if name not in OPTIONAL}

    found = Assignment.from_json(told)

    assert (found.participant_data, found.contexts, found.since) == ((), (), None)
    assert LocalResult.from_json({"result": 1}) == LocalResult(1, None, "")


OPTIONAL = ("participant-data", "contexts", "since")


@pytest.mark.parametrize("document", [None, [], "x", {}])
def test_what_is_no_assignment_at_all_is_refused(document: Any) -> None:
    with pytest.raises(Invalid):
        Assignment.from_json(document)


@pytest.mark.parametrize(
    "local",
    [
        LocalResult({"succeeded": True}),
        LocalResult(None, "It broke", "so"),
        LocalResult.too_late(seconds(1)),
    ],
)
def test_results_come_back_as_they_were(local: LocalResult) -> None:
    assert LocalResult.from_json(local.to_json()) == local


def test_in_the_full_result_stands_what_was_measured_or_why_nothing_was() -> None:
    assert LocalResult({"succeeded": False, "error": "No route"}).entry() == {
        "succeeded": False,
        "error": "No route",
    }
    assert LocalResult({"time": 1}, "It broke", "so").entry() == {
        "succeeded": False,
        "error": "It broke",
        "diags": "so",
    }


@pytest.mark.parametrize(
    ("document", "pointer"),
    [({}, ""), ({"result": 1, "errors": 5}, "/errors"), ({"result": 1, "more": 1}, ""), (None, "")],
)
def test_what_is_no_result_is_pointed_at(document: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        LocalResult.from_json(document)

    assert refused.value.pointer == pointer
