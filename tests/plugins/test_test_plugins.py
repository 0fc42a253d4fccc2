"""What holds for every test plugin, whatever it measures."""

import json
from typing import Any

import pytest

from chalicelib.domain.schemas import version_of
from plugins import sdk
from plugins.sdk.show import HTML, TEXT, render
from tests.plugins.everything import EXAMPLES, RESULTS, SUCCESSES, TESTS, label
from tests.rows import each_of

CLASSES = {"background", "background-multi", "exclusive", "normal"}
HOSTILE = "<script>alert(1)</script>"

every_test = pytest.mark.parametrize("test", TESTS.values(), ids=label)
every_example = each_of(EXAMPLES)
every_result = each_of(RESULTS)
every_success = each_of(SUCCESSES)
VERSIONS = [0, -1, 99, "1", 1.0, True, None, [1]]
NO_OBJECTS = [None, True, 1, "text", [], [{}]]


@every_test
def test_the_enumeration_says_how_it_shares_time(test: sdk.Test) -> None:
    shown = json.loads(json.dumps(test.enumeration()))

    assert shown["scheduling-class"] in CLASSES


@every_test
def test_every_field_can_be_labelled_and_every_option_explained(test: sdk.Test) -> None:
    assert all(field.label and field.help for field in test.fields)


@every_test
def test_there_are_examples_of_every_version(test: sdk.Test) -> None:
    specs = {version_of(spec) for spec in test.examples}
    results = {version_of(result) for result in test.result_examples if result.get("succeeded", True)}

    assert specs == set(test.spec_versions.checkers)
    assert results == set(test.result_versions.checkers)


@every_test
def test_there_is_an_example_of_a_failure(test: sdk.Test) -> None:
    failed = [result for result in test.result_examples if not result.get("succeeded", True)]

    assert failed
    assert all(result.get("error") != "" for result in failed)


@every_example
def test_examples_are_valid(test: sdk.Test, spec: dict[str, Any]) -> None:
    assert test.problem(spec) is None


@every_result
def test_result_examples_are_valid(test: sdk.Test, result: dict[str, Any]) -> None:
    assert test.result_versions.problem(result) is None


@every_example
def test_arguments_made_of_a_spec_make_the_same_spec(test: sdk.Test, spec: dict[str, Any]) -> None:
    arguments = test.arguments(spec)

    again = test.parse(arguments)

    assert {**again, "schema": None} == {**spec, "schema": None}
    assert version_of(again) <= version_of(spec)  # as old as its members let it be
    assert test.problem(again) is None
    assert all(type(argument) is str for argument in arguments)


@every_example
def test_only_the_first_participant_may_be_this_host(test: sdk.Test, spec: dict[str, Any]) -> None:
    participants = list(test.participants(spec))

    assert participants
    assert all(isinstance(host, str) for host in participants[1:])
    assert participants[0] is None or isinstance(participants[0], str)


@every_example
def test_a_member_of_a_later_version_is_refused(test: sdk.Test, spec: dict[str, Any]) -> None:
    given = [field for field in test.fields if field.name in spec]
    needed = max([1, *(field.version_needed(spec[field.name]) for field in given)])

    problems = [test.problem({**spec, "schema": version}) for version in range(1, needed)]

    assert test.open or all(problems)  # an open one takes it for a member it does not know


@every_example
def test_an_unknown_member_is_refused(test: sdk.Test, spec: dict[str, Any]) -> None:
    assert bool(test.problem({**spec, "bogus": 1})) is not test.open


@each_of([(test, version) for test in TESTS.values() for version in VERSIONS])
def test_a_version_there_is_none_of_is_refused(test: sdk.Test, version: Any) -> None:
    problem = test.problem({**test.examples[0], "schema": version})

    assert problem is not None
    assert problem.startswith("/schema: ")


@each_of([(test, document) for test in TESTS.values() for document in NO_OBJECTS])
def test_what_is_no_object_is_refused(test: sdk.Test, document: Any) -> None:
    assert test.problem(document) == "/: must be an object"


@every_example
@pytest.mark.parametrize("mime", [TEXT, HTML])
def test_a_spec_can_be_shown(test: sdk.Test, spec: dict[str, Any], mime: str) -> None:
    rendered = render(test.show_spec(spec), mime)

    shown = [field for field in test.fields if field.exists_in(version_of(spec))]
    assert all(field.label in rendered for field in shown)


@every_success
@pytest.mark.parametrize("mime", [TEXT, HTML])
def test_a_result_can_be_shown_with_any_spec(test: sdk.Test, result: dict[str, Any], mime: str) -> None:
    for spec in test.examples:
        assert render(test.show(spec, result), mime).strip()


@every_example
def test_nothing_in_a_spec_becomes_markup(test: sdk.Test, spec: dict[str, Any]) -> None:
    rendered = render(test.show_spec(_made_hostile(spec)), HTML)

    assert "<script" not in rendered


@every_success
def test_nothing_in_a_result_becomes_markup(test: sdk.Test, result: dict[str, Any]) -> None:
    free_texts = ("data", "record", "headers", "content", "source", "reference", "hostname", "time")
    hostile = _made_hostile(result, only=free_texts)

    for spec in test.examples:
        assert "<script" not in render(test.show(spec, hostile), HTML)


def _made_hostile(value: Any, only: tuple[str, ...] | None = None, name: str = "") -> Any:
    """The value with its texts replaced, except in ``record``: it selects how a result is shown."""
    if isinstance(value, dict):
        return {key: _made_hostile(item, only, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_made_hostile(item, only, name) for item in value]
    return HOSTILE if isinstance(value, str) and (only is None or name in only) else value
