"""Quick checks beside jsonschema: what they find valid it finds valid; and they know plain documents."""

import uuid
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import agent_protocol
from chalicelib.domain.quick_checks import quick_check
from chalicelib.domain.schemas import Checker
from plugins import registry

TEXTS = st.sampled_from(["", "a", "b", "ab", "PT1S", "10", "_a", "127.0.0.1"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 30), st.sampled_from([0.0, 1.0, 1.5, float("nan")]), TEXTS
)
NAMES = st.sampled_from(["a", "b", "_a"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
TYPE = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
SIZES = st.integers(0, 3)


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas of some keywords, known to quick checks and not."""
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPE | st.lists(TYPE, min_size=1, max_size=2, unique=True),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "const": SCALARS,
            "minimum": st.integers(-2, 9),
            "exclusiveMaximum": st.integers(-2, 9),
            "minLength": SIZES,
            "maxLength": SIZES,
            "pattern": st.sampled_from(["^a", "b$", r"^(?:[0-9]+)\Z"]),
            "minItems": SIZES,
            "maxItems": SIZES,
            "uniqueItems": st.booleans(),
            "items": inner | st.lists(inner, max_size=2),
            "properties": st.dictionaries(NAMES, inner, max_size=2),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": st.booleans() | inner,
            "propertyNames": st.fixed_dictionaries({"pattern": st.sampled_from(["^_", "^[a-z]"])}),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "x-message": st.just("{value!r} is wrong"),
        },
    )


SCHEMAS = st.recursive(st.booleans() | _keywords(st.just({})), _keywords, max_leaves=4)


@given(SCHEMAS, VALUES)
def test_what_is_plainly_valid_is_valid(schema: Any, value: Any) -> None:
    if quick_check(schema)(value):
        assert jsonschema.Draft7Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, True),  # which Python takes for a 1
        ({"enum": [1]}, True),
        ({"enum": [1]}, 1),
        ({"type": "integer"}, 1.0),  # valid, and left to jsonschema
        ({"properties": {"a": {"type": "string"}}}, type("Object", (dict,), {})(a=1)),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "a"),
        ({"format": "ipv4"}, "127.0.0.1"),
        ({"not": {}}, 1),
        (False, 1),
        ({"items": [{"type": "string"}]}, ["a"]),
        ({"additionalProperties": False}, {"a": 1}),
    ],
)
def test_what_is_doubtful_is_not_said_to_be_valid(schema: Any, value: Any) -> None:
    assert not quick_check(schema)(value)


def names() -> dict[str, str]:
    return {name: str(uuid.uuid4()) for name in ("instance", "task", "run")}


AT = "2026-11-27T01:00:00.123456+00:00"
LOCAL = {"result": {"succeeded": True}, "errors": None, "diags": ""}


@pytest.mark.parametrize(
    ("form", "document"),
    [
        (agent_protocol.START, names()),
        (
            agent_protocol.RESULT,
            {**names(), "number": 1, "at": AT, "local": LOCAL, "final": True},
        ),
        (
            agent_protocol.CONTACT,
            {
                "instance": names()["instance"],
                "version": "0.3.0",
                "clock": {"time": AT, "synchronized": True, "offset": 0.25},
                "facts": None,
                "held": [{**names(), "start": AT}],
                "take": 50,
                "waiting": 0,
            },
        ),
        (
            agent_protocol.CLAIMS,
            {
                "instance": names()["instance"],
                "take": [names()],
                "refuse": [{**names(), "code": "agent-late"}],
            },
        ),
    ],
)
def test_what_agents_say_is_plainly_valid(form: Checker, document: Any) -> None:
    assert quick_check(form.schema)(document)
    assert form.problem(document) is None


@pytest.mark.parametrize(
    ("test", "spec"),
    [
        ("idle", {"schema": 1, "duration": "PT1S"}),
        ("rtt", {"schema": 1, "dest": "192.0.2.1", "count": 5, "length": 100}),
        ("throughput", {"schema": 1, "dest": "host.example.org", "duration": "PT10S"}),
        ("trace", {"schema": 1, "dest": "host.example.org", "hops": 10}),
    ],
)
def test_usual_specs_are_plainly_valid(test: str, spec: Any) -> None:
    assert quick_check(registry.tests()[test].spec_versions.checkers[1].schema)(spec)
