"""Numbers without a fraction, however they were written."""

import json
from typing import Any

import pytest

from chalicelib.domain.alert_rules import rule_of
from chalicelib.domain.whole_numbers import as_integers


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (2.0, "2"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (2, "2"),
        (True, "true"),
        (None, "null"),
        ("2.0", '"2.0"'),
        (1e300, "1e+300"),  # no exact integer
        ({"a": [1.0, {"b": 3.0}]}, '{"a": [1, {"b": 3}]}'),
    ],
)
def test_a_number_without_a_fraction_is_an_integer(document: Any, found: str) -> None:
    assert json.dumps(as_integers(document)) == found


def test_a_rule_looks_at_so_many_results_however_the_number_was_written() -> None:
    rule = rule_of("a", {"metric": "x", "critical": {"above": 1}, "results": {"of": 2.0}, "recover": 3.0})

    assert (repr(rule.looks_at), repr(rule.at_least)) == ("4", "2")
