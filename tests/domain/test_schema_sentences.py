"""What is said of a document that has not its form: it shows what is wrong as JSON, and is bounded."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.schemas import MESSAGE, Checker, closed
from chalicelib.domain.types import TYPES
from plugins import registry
from tests.domain.test_quick_checks import SCHEMAS, VALUES

COUNT = Checker({"type": "object", "properties": {"count": {"type": "integer"}}, "maxProperties": 2})
LONGEST = 3000


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"count": "x"}, '/count: "x" is not of type "integer"'),
        ({"count": None}, '/count: null is not of type "integer"'),
        ({"count": True}, '/count: true is not of type "integer"'),
        ({"count": ["rtt"]}, '/count: ["rtt"] is not of type "integer"'),
        ({"count": 1, "b": None, "c": True}, '{"count": 1, "b": null, "c": true} has too many properties'),
    ],
)
def test_a_sentence_shows_what_is_wrong(document: Any, sentence: str) -> None:
    assert (COUNT.problem(document) or "").endswith(sentence)


@pytest.mark.parametrize(
    ("schema", "value", "sentence"),
    [
        ({"type": ["string", "null"]}, 1, '1 is not of type "string", "null"'),
        ({"enum": ["a", None]}, True, 'true is not one of ["a", null]'),
        ({"const": None}, "a", "null was expected"),
        ({"pattern": "^a$"}, "b", '"b" does not match "^a$"'),
        ({"format": "ipv4"}, "b", '"b" is not a "ipv4"'),
        ({"minimum": 1}, 0, "0 is less than the minimum of 1"),
        ({"maximum": 1}, 2, "2 is greater than the maximum of 1"),
        ({"exclusiveMinimum": 1}, 1, "1 is less than or equal to the minimum of 1"),
        ({"exclusiveMaximum": 1}, 1, "1 is greater than or equal to the maximum of 1"),
        ({"multipleOf": 2}, 3, "3 is not a multiple of 2"),
        ({"minLength": 1}, "", '"" should be non-empty'),
        ({"minLength": 2}, "a", '"a" is too short'),
        ({"maxLength": 0}, "a", '"a" is expected to be empty'),
        ({"maxLength": 1}, "ab", '"ab" is too long'),
        ({"minItems": 1}, [], "[] should be non-empty"),
        ({"maxItems": 1}, [None, 1], "[null, 1] is too long"),
        ({"minProperties": 2}, {"a": 1}, '{"a": 1} does not have enough properties'),
        ({"maxProperties": 0}, {"a": 1}, '{"a": 1} is expected to be empty'),
        ({"uniqueItems": True}, [True, True], "[true, true] has non-unique elements"),
        ({"items": [{}], "additionalItems": False}, [1, 2], "[1, 2] has more items than are allowed"),
        ({"contains": {"type": "null"}}, [1], "[1] does not contain items matching the given schema"),
        ({"required": ["b", "a"]}, {"b": 1}, '"a" is a required property'),
        (closed({"a": {}}), {"b": 1, "c": 2, "a": 3}, "Additional properties are not allowed"
         ' ("b", "c" were unexpected)'),
        ({**closed({}), "patternProperties": {"^x": {}}}, {"b": 1, "x": 1}, '"b" does not match any of the'
         ' regexes: "^x"'),
        ({"propertyNames": {"pattern": "^a"}}, {"b": 1}, '"b" does not match "^a"'),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, '"b" is a dependency of "a"'),
        ({"oneOf": [{}, {}]}, None, "null is valid under more than one of the given schemas"),
        ({"not": {"type": "null"}}, None, 'null should not be valid under {"type": "null"}'),
        (False, None, "False schema does not allow null"),
        ({"type": "null", MESSAGE: "{value!r}, or {value}, is wrong"}, True, "true, or true, is wrong"),
    ],
)  # fmt: skip
def test_each_keyword_has_its_sentence(schema: Any, value: Any, sentence: str) -> None:
    assert Checker(schema).problem(value) == f"/: {sentence}"


_PYTHON = re.compile(r"None|True|False(?! schema)|(?<!\w)'")


def _python_literals(text: str) -> Iterator[str]:
    """What of a text only Python writes, outside of what is in double quotes."""
    outside = "".join(_outside_of_json_strings(text))
    return (found[0] for found in _PYTHON.finditer(outside))


def _outside_of_json_strings(text: str) -> Iterator[str]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at] == '"':
            try:
                _, at = decoder.raw_decode(text, at)
                continue
            except ValueError:  # it was cut
                return
        yield text[at]
        at += 1


@given(SCHEMAS, VALUES)
def test_no_sentence_about_any_schema_is_in_python(schema: Any, value: Any) -> None:
    """Any keyword, also those that no schema of the product has yet; jsonschema still says what is wrong."""
    said = Checker(schema).problem(value)

    assert (said is None) == jsonschema.Draft7Validator(schema).is_valid(value)
    assert not list(_python_literals(said or ""))


OWN = {
    **{f"type {name}": kind for name, kind in TYPES.items()},
    **{
        f"{test.name} {number}": checker.schema
        for test in registry.tests().values()
        for versions in (test.spec_versions, test.result_versions)
        for number, checker in versions.checkers.items()
    },
    **{
        f"archiver {archiver.name} {number}": checker.schema
        for archiver in registry.archivers().values()
        for number, checker in archiver.data_versions.checkers.items()
    },
}
NAMES = sorted({name for schema in OWN.values() for name in schema.get("properties", {})})
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    | st.just("x" * 100_000) | st.just("\0\x1b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(sorted(OWN)), ANY_VALUE)
def test_no_sentence_of_the_products_own_schemas_is_in_python_or_long(name: str, value: Any) -> None:
    said = Checker(OWN[name]).problem(value) or ""

    assert not list(_python_literals(said))
    assert len(said) < LONGEST
    assert said.isprintable()


@pytest.mark.parametrize(
    ("document", "end"),
    [
        ({"count": "x" * 1_000_000}, 'x"... is not of type "integer"'),
        ({f"member-{number}": number for number in range(100_000)}, "... has too many properties"),
        ({"count": {"x" * 1_000_000: 1}}, '... is not of type "integer"'),
    ],
)
def test_a_sentence_is_short_whatever_it_is_about(document: Any, end: str) -> None:
    said = COUNT.problem(document) or ""

    assert len(said) < 300
    assert said.endswith(end)


def test_a_pointer_to_a_member_with_a_long_name_is_cut_where_it_is_shown() -> None:
    fault = Checker({"additionalProperties": {"type": "null"}}).fault({"x\0" * 100_000: 1})

    assert fault is not None
    assert fault.pointer == "/" + "x\0" * 100_000
    assert len(fault.message) < 2000
    assert fault.message.isprintable()
