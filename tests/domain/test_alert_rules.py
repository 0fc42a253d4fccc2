"""What a rule's document comes to, member by member, and what is said of one that is none."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.alert_rules import Condition, Rule, SeriesFilter, rule_of, shown
from chalicelib.domain.errors import Invalid

BARE: dict[str, Any] = {"metric": "loss.ratio", "critical": {"above": 0.1}}


def test_a_rule_that_says_little_looks_at_the_last_result_and_takes_what_is_missing_for_bad() -> None:
    assert rule_of("loss", BARE) == Rule(
        name="loss",
        wanted=SeriesFilter({}),
        metric="loss.ratio",
        levels={"critical": Condition(above=0.1)},
        at_least=1,
        of=1,
        recover=1,
        missing_is_bad=True,
        no_data=None,
        notify=[],
        description="",
    )


def test_a_rule_is_what_its_document_says() -> None:
    document = {
        "description": "too much",
        "series": {"test": "rtt"},
        "metric": "loss.ratio",
        "warning": {"above": 0.01, "clear": 0.005},
        "critical": {"above": 0.1},
        "results": {"at-least": 2, "of": 3},
        "recover": 4,
        "without-value": "ignored",
        "no-data": "PT20M",
    }

    assert rule_of("loss", document) == Rule(
        name="loss",
        wanted=SeriesFilter({"test": "rtt"}),
        metric="loss.ratio",
        levels={"critical": Condition(above=0.1), "warning": Condition(above=0.01, clear=0.005)},
        at_least=2,
        of=3,
        recover=4,
        missing_is_bad=False,
        no_data=dt.timedelta(minutes=20),
        notify=[],
        description="too much",
    )


@pytest.mark.parametrize(
    ("results", "recover", "looks_at"),
    [({"of": 1}, 1, 2), ({"of": 5}, 2, 6), ({"at-least": 1, "of": 2}, 7, 8), ({"of": 3}, None, 4)],
)
def test_a_rule_looks_at_one_result_more_than_it_counts(
    results: dict[str, int], recover: int | None, looks_at: int
) -> None:
    document = {**BARE, "results": results, **({} if recover is None else {"recover": recover})}

    assert rule_of("loss", document).looks_at == looks_at


def test_all_the_results_looked_at_count_where_it_does_not_say_how_many() -> None:
    found = rule_of("loss", {**BARE, "results": {"of": 3}})

    assert (found.at_least, found.of, found.recover) == (3, 3, 3)


def test_the_worst_level_comes_first() -> None:
    document = {**BARE, "warning": {"above": 0.01}}

    assert list(rule_of("loss", document).levels) == ["critical", "warning"]


@pytest.mark.parametrize(
    ("changes", "pointer", "sentence"),
    [
        ({"critical": {"above": 1, "below": 0}}, "/critical", "must have one of above, below and changed"),
        ({"critical": {"clear": 0}}, "/critical", "must have one of above, below and changed"),
        (
            {"warning": {"above": 1, "clear": 2}},
            "/warning/clear",
            "must be on the good side of the threshold",
        ),
        (
            {"warning": {"below": 1, "clear": 0}},
            "/warning/clear",
            "must be on the good side of the threshold",
        ),
        (
            {"warning": {"changed": True, "clear": 0}},
            "/warning/clear",
            "can only be combined with above or below",
        ),
        ({"results": {"at-least": 4, "of": 3}}, "/results/at-least", "must be no more than /results/of"),
        ({"no-data": "PT1M59S"}, "/no-data", "must be from PT2M to P90D"),
        ({"no-data": "P90DT1S"}, "/no-data", "must be from PT2M to P90D"),
        ({"no-data": "P40000D"}, "/no-data", '"P40000D" is longer than a century'),
    ],
)
def test_a_mistake_is_named_with_what_is_right(changes: dict[str, Any], pointer: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        rule_of("loss", {**BARE, **changes})

    assert (refusal.value.pointer, refusal.value.sentence) == (pointer, sentence)


def test_a_rule_without_anything_bad_is_none() -> None:
    with pytest.raises(Invalid) as refusal:
        rule_of("loss", {"metric": "loss.ratio"})

    assert refusal.value.pointer == ""
    assert refusal.value.sentence == "must have one of warning, critical and no-data"


@pytest.mark.parametrize("silence", ["PT2M", "P90D"])
def test_silence_is_from_two_minutes_to_ninety_days(silence: str) -> None:
    assert rule_of("loss", {"metric": "loss.ratio", "no-data": silence}).no_data is not None


def test_a_name_that_is_none_is_told_what_one_is() -> None:
    with pytest.raises(Invalid) as refusal:
        rule_of("No", BARE)

    assert refusal.value.message == "A name must have 1 to 40 lower-case letters, digits and hyphens"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.2"),
        (0.015, "0.015"),
        (1234.5678, "1234.57"),
        (9999.9, "9999.9"),
        (10_000, "10,000"),
        (-10_000, "-10,000"),
        (9.41e9, "9,410,000,000"),
        (1e15, "1e+15"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: float | str, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("condition", "value", "is_met", "is_clear"),
    [
        (Condition(above=1), 1, False, True),
        (Condition(above=1), 1.1, True, False),
        (Condition(below=1), 1, False, True),
        (Condition(below=1), 0.9, True, False),
        (Condition(above=1, clear=0.5), 0.5, False, True),
        (Condition(above=1, clear=0.5), 0.6, False, False),  # neither bad nor good again
        (Condition(below=1, clear=2), 2, False, True),
        (Condition(below=1, clear=2), 1.9, False, False),
        (Condition(changed=True), 5, False, True),
        (Condition(changed=True), 6, True, False),
        (Condition(above=1), "text", False, True),
    ],
)
def test_a_value_is_bad_beyond_its_threshold_and_good_again_on_the_side_of_clear(
    condition: Condition, value: float | str, is_met: bool, is_clear: bool
) -> None:
    assert condition.is_met(value, before=5) is is_met
    assert condition.is_clear(value, before=5) is is_clear


def test_nothing_has_changed_from_nothing() -> None:
    assert not Condition(changed=True).is_met(5, before=None)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition(above=0.1), "above 0.1"),
        (Condition(below=1e9), "below 1,000,000,000"),
        (Condition(changed=True), "other than before"),
    ],
)
def test_a_condition_is_said_in_words(condition: Condition, text: str) -> None:
    assert str(condition) == text
