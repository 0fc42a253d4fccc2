"""What a rule makes of results, row by row: levels, hysteresis, silence."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.alert_rules import Rule, SeriesFilter, rule_of
from chalicelib.domain.alerts import Alert, AlertState, judged, look_again, results_of
from chalicelib.domain.errors import Invalid
from chalicelib.domain.run_states import State
from chalicelib.domain.series import Point, Series
from tests.builders import NODE, NOON, at

SERIES = Series("rtt", "ping", "a.example.org", "b.example.org", "0123", "Backbone")
ABOVE = {"metric": "loss.ratio", "critical": {"above": 0.05}}
HYSTERESIS = {"metric": "loss.ratio", "critical": {"above": 0.05, "clear": 0.02}}
LEVELS = {"metric": "loss.ratio", "warning": {"above": 0.01}, "critical": {"above": 0.05}}
SOME = {**ABOVE, "results": {"at-least": 3, "of": 5}}
SLOW = {"metric": "throughput.bps", "critical": {"below": 1e9}}
ROUTE = {"metric": "trace.path", "warning": {"changed": True}}


def point(seconds: float, value: float | str | None, metric: str, **changes: Any) -> Point:
    state = changes.pop("state", State.FAILED if value is None else State.FINISHED)
    values = {} if value is None else {metric: value}
    return Point(at(seconds), f"run{seconds}", "task", state, values, **changes)


def states(document: dict[str, Any], values: Sequence[float | str | None]) -> list[str]:
    """The state after each result, a minute apart."""
    rule = rule_of("rule", document)
    alert = Alert(NODE, "rule", SERIES, added=NOON, since=NOON)
    points: list[Point] = []
    found = []
    for number, value in enumerate(values):
        points.insert(0, point(60.0 * number, value, rule.metric))
        results = list(results_of(rule, points))[: rule.looks_at]
        alert = judged(alert, rule, results, at(60.0 * number))
        found.append(alert.state.value)
    return found


OK, WARN, CRIT = "ok", "warning", "critical"


@pytest.mark.parametrize(
    ("document", "values", "expected"),
    [
        (ABOVE, [0.0, 0.05, 0.06, 0.05], [OK, OK, CRIT, OK]),  # the bound itself is fine
        (LEVELS, [0.0, 0.02, 0.1, 0.02, 0.0], [OK, WARN, CRIT, WARN, OK]),
        (SLOW, [2e9, 1e9, 9e8], [OK, OK, CRIT]),
        (HYSTERESIS, [0.06, 0.04, 0.03, 0.06, 0.02], [CRIT, CRIT, CRIT, CRIT, OK]),  # wavers, is quiet
        (SOME, [1, 1, 0, 1, 0, 0, 0], [OK, OK, OK, CRIT, CRIT, CRIT, OK]),  # 3 of 5, then 3 clear ones
        (SOME, [1, 0, 0, 1, 0, 0, 1], [OK, OK, OK, OK, OK, OK, OK]),
        ({**ABOVE, "recover": 2}, [1, 0, 1, 0, 0], [CRIT, CRIT, CRIT, CRIT, OK]),
        ({**SOME, "recover": 1}, [1, 1, 1, 0, 0, 0], [OK, OK, CRIT, CRIT, CRIT, OK]),  # 3 of 5 hold it
        (SLOW, [2e9, None, 2e9], [OK, CRIT, OK]),  # a failed measurement is beyond every bound
        ({**SLOW, "without-value": "ignored"}, [2e9, None, 2e9], [OK, OK, OK]),
        (ROUTE, ["a b", "a b", "a c", "a c"], [OK, OK, WARN, OK]),
        (ROUTE, ["a b", None, "a b"], [OK, WARN, OK]),
        (ABOVE, ["text"], [OK]),  # is no number
        ({"metric": "loss.ratio", "no-data": "PT1H"}, [1.0, 1.0], [OK, OK]),
    ],
)
def test_a_state_follows_the_last_results(
    document: dict[str, Any], values: Sequence[float | str | None], expected: list[str]
) -> None:
    assert states(document, values) == expected


def test_what_cannot_be_believed_is_no_reason() -> None:
    rule = rule_of("rule", {"metric": "delay.median", "critical": {"below": 0}})
    points = [point(0, -30.0, "delay.median", unreliable=frozenset({"delay.median"}))]

    assert list(results_of(rule, points)) == []


@pytest.mark.parametrize("state", [State.NONSTART, State.MISSED, State.PREEMPTED, State.CANCELED])
def test_a_run_that_never_started_says_nothing(state: State) -> None:
    assert list(results_of(rule_of("rule", ABOVE), [point(0, None, "loss.ratio", state=state)])) == []


def silent(alert: Alert, rule: Rule, seconds: float, points: Sequence[Point] = ()) -> Alert:
    return judged(alert, rule, list(results_of(rule, points)), at(seconds))


def test_an_alert_that_moves_has_the_value_the_time_and_the_moment_of_that() -> None:
    rule = rule_of("rule", {**LEVELS, "critical": {"above": 0.05, "clear": 0.03}})
    alert = Alert(NODE, "rule", SERIES, added=NOON, since=NOON)
    points: list[Point] = []
    seen = []
    for seconds, value in ((0, 0.02), (60, 0.09), (120, 0.04), (180, 0.02), (240, 0.0)):
        points.insert(0, point(seconds, value, "loss.ratio"))
        alert = judged(alert, rule, list(results_of(rule, points)), at(seconds + 5))
        seen.append((alert.state.value, alert.value, alert.at, alert.since))

    assert seen == [
        (WARN, 0.02, at(0), at(5)),
        (CRIT, 0.09, at(60), at(65)),
        (CRIT, 0.09, at(60), at(65)),  # held, and as it was when it became so
        (WARN, 0.02, at(180), at(185)),
        (OK, 0.0, at(240), at(245)),
    ]


def test_silence_is_no_data_and_the_next_result_ends_it() -> None:
    rule = rule_of("rule", {**ABOVE, "no-data": "PT1H"})
    new = Alert(NODE, "rule", SERIES, added=NOON, since=NOON)
    first, later = point(0, 0.0, "loss.ratio"), point(7200, 0.0, "loss.ratio")

    fine = silent(new, rule, 3599, [first])
    gone = silent(fine, rule, 3600, [first])
    back = silent(gone, rule, 7200, [later, first])

    assert [each.state.value for each in (fine, gone, back)] == ["ok", "no-data", "ok"]
    assert [(each.value, each.at, each.since) for each in (fine, gone, back)] == [
        (0.0, at(0), NOON),  # what it has been all along it has been since it began
        (0.0, at(0), at(3600)),
        (0.0, at(7200), at(7200)),
    ]
    assert (gone.since, gone.why) == (at(3600), "No result for PT1H")


def test_a_series_that_never_had_a_result_is_silent_since_the_rule_came() -> None:
    rule = rule_of("rule", {**ABOVE, "no-data": "PT1H"})
    new = Alert(NODE, "rule", SERIES, added=NOON, since=NOON)

    assert silent(new, rule, 3599) is new
    assert silent(new, rule, 3600).state is AlertState.NO_DATA


def test_an_alert_is_looked_at_when_silence_would_be_and_when_maintenance_ends() -> None:
    rule = rule_of("rule", {**ABOVE, "no-data": "PT1H"})
    new = Alert(NODE, "rule", SERIES, added=NOON, since=NOON)
    held_back = new.evolve(state=AlertState.CRITICAL)

    assert look_again(new, rule, at(60), None, at(60)) == at(3660)
    assert look_again(held_back, rule, at(60), at(600), at(60)) == at(600)
    assert look_again(new, rule, at(60), at(600), at(60)) == at(3660)
    assert look_again(held_back, rule_of("rule", ABOVE), None, None, NOON) == NOON + dt.timedelta(days=30)


@given(
    st.lists(st.sampled_from([0.0, 0.03, 0.1, None]), max_size=60),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_it_is_critical_whenever_so_many_are_beyond_and_left_only_when_all_are_clear(
    values: list[float | None], first: int, second: int, recover: int
) -> None:
    least, of = sorted((first, second))
    document = {**HYSTERESIS, "results": {"at-least": least, "of": of}, "recover": recover}
    found = states(document, values)
    is_bad = [value is None or value > 0.05 for value in values]

    for number, state in enumerate(found):
        last = range(max(0, number - of + 1), number + 1)
        if sum(is_bad[each] for each in last) >= least:
            assert state == CRIT
        if number and found[number - 1] == CRIT and state == OK:
            assert all(value == 0.0 for value in values[number - recover + 1 : number + 1])


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ({}, "/"),
        ({"metric": "loss.ratio"}, "/"),
        ({"metric": "loss.ratio", "critical": {}}, "/critical"),
        ({"metric": "loss.ratio", "critical": {"above": 1, "below": 0}}, "/critical"),
        ({"metric": "loss.ratio", "critical": {"above": 1, "clear": 2}}, "/critical/clear"),
        ({"metric": "loss.ratio", "warning": {"below": 1, "clear": 0}}, "/warning/clear"),
        ({"metric": "loss.ratio", "warning": {"changed": True, "clear": 0}}, "/warning/clear"),
        ({**ABOVE, "results": {"at-least": 4, "of": 3}}, "/results/at-least"),
        ({**ABOVE, "results": {"of": 51}}, "/results/of"),
        ({**ABOVE, "recover": 0}, "/recover"),
        ({**ABOVE, "no-data": "PT1S"}, "/no-data"),
        ({**ABOVE, "no-data": "P1Y"}, "/no-data"),
        ({**ABOVE, "notify": [{"archiver": "syslog"}]}, "/notify/0"),
        ({**ABOVE, "series": {"tset": "rtt"}}, "/series"),
        ({**ABOVE, "more": 1}, "/"),
    ],
)
def test_a_document_that_is_no_rule_is_refused_where_it_is_wrong(
    document: dict[str, Any], where: str
) -> None:
    with pytest.raises(Invalid) as caught:
        rule_of("rule", document)

    assert (caught.value.pointer or "/") == where


@pytest.mark.parametrize("name", ["", "Rule", "a.b", "a" * 41, "-a", "ä"])
def test_a_name_has_a_form(name: str) -> None:
    with pytest.raises(Invalid):
        rule_of(name, ABOVE)


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*a*", "abc", True),
        ("b.example.org", "b.example.org", True),
        ("b.example.org", "bb.example.org", False),
        ("*", "", True),
        ("*.example.org", "b.example.org", True),
        ("*.example.org", "example.org", False),
        ("b.*", "b.example.org", True),
        ("b*org", "borg", True),
        ("b*org", "borgs", False),
        ("a*a", "a", False),  # one letter is not both
        ("*a*b*", "xaxbx", True),
        ("*b*a*", "ab", False),
        ("[a]", "a", False),  # nothing but the asterisk means anything
    ],
)
def test_a_filter_knows_the_asterisk(pattern: str, text: str, fits: bool) -> None:
    series = Series("rtt", "ping", "a", text, "0123")

    assert SeriesFilter({"destination": pattern}).fits(series) is fits


@pytest.mark.parametrize(
    ("document", "values", "why"),
    [
        (ABOVE, [0.5], "loss.ratio is 0.5, above 0.05"),
        (SLOW, [5.4e7], "throughput.bps is 54,000,000, below 1,000,000,000"),
        (SLOW, [None], "the last result has no throughput.bps"),
        (SOME, [1, 1, 1], "loss.ratio was above 0.05 in 3 of the last 5 results: loss.ratio is 1"),
        (ABOVE, [0.5, 0.0], "loss.ratio is 0"),
        (ROUTE, ["a b", "a c"], "trace.path is a c, other than before"),
    ],
)
def test_why_is_said(document: dict[str, Any], values: Sequence[float | str | None], why: str) -> None:
    rule = rule_of("rule", document)
    points = [point(60.0 * number, value, rule.metric) for number, value in enumerate(values)]
    alert = Alert(NODE, "rule", SERIES, added=NOON, since=NOON, state=AlertState.NO_DATA)

    results = list(results_of(rule, reversed(points)))

    assert judged(alert, rule, results, at(3600)).why == why
