import pytest

from chalicelib.domain import transforms
from chalicelib.domain.errors import Invalid
from chalicelib.infrastructure.jq_sandbox import SANDBOX


def test_the_first_output_is_the_document() -> None:
    assert transforms.apply({"script": ".a, .b"}, {"a": [1], "b": 2}, SANDBOX) == [1]


def test_lines_are_joined_and_arguments_are_variables() -> None:
    assert transforms.apply({"script": ["$x", "| . + 1"], "args": {"x": 41}}, None, SANDBOX) == 42


def test_raw_output_is_all_of_it_as_text() -> None:
    assert (
        transforms.apply({"script": ".[]", "output-raw": True}, ["a", 1, {"b": None}], SANDBOX)
        == 'a\n1\n{"b": null}'
    )


def test_no_output_reads_as_null() -> None:
    assert transforms.apply({"script": "empty"}, {}, SANDBOX) is None


def test_a_script_that_does_not_compile_says_so() -> None:
    with pytest.raises(Invalid, match="/script: must be a jq script that compiles"):
        transforms.check({"script": "}{"}, SANDBOX)


def test_a_script_that_fails_on_a_document_says_so() -> None:
    with pytest.raises(Invalid, match="The transform failed"):
        transforms.apply({"script": ".a.b"}, {"a": "text"}, SANDBOX)
