"""What others are told when an alert changes."""

import pytest

from chalicelib.domain import alert_notices
from chalicelib.domain.alert_rules import rule_of
from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.series import Series
from tests.builders import NODE, NOON, at

SERIES = Series("rtt", "ping", "a.example.org", "b.example.org", "0123")
ALERT = Alert(
    NODE, "loss", SERIES, NOON, at(60), AlertState.CRITICAL, "why", 0.2, at(70), AlertState.OK, revision=4
)
RULE = rule_of("loss", {"metric": "loss.ratio", "critical": {"above": 0.1}, "description": "too much"})
BARE = {"metric": "loss.ratio", "critical": {"above": 0.1}}
SUMMARY = "critical: rtt a.example.org to b.example.org (loss) since 2026-11-23T12:01:00+00:00: why"


def test_a_notice_says_what_where_since_when_and_why() -> None:
    assert alert_notices.notice(ALERT, RULE, "https://n.example.org/pscheduler") == {
        "schema": 1,
        "type": "alert",
        "summary": SUMMARY,
        "was": "ok",
        "id": ALERT.id,
        "rule": "loss",
        "state": "critical",
        "since": "2026-11-23T12:01:00+00:00",
        "why": "why",
        "series": SERIES.describe(),
        "value": 0.2,
        "at": "2026-11-23T12:01:10+00:00",
        "description": "too much",
        "href": f"https://n.example.org/pscheduler/alerts/{ALERT.id}",
        "path": "https://n.example.org/pscheduler/ui/#/path?source=a.example.org&destination=b.example.org",
    }


@pytest.mark.parametrize("state", AlertState)
def test_what_is_well_again_is_a_recovery(state: AlertState) -> None:
    told = alert_notices.notice(ALERT.evolve(state=state), rule_of("loss", BARE), "")

    assert told["type"] == ("recovery" if state is AlertState.OK else "alert")
    assert "description" not in told


def test_a_change_has_one_identifier_whoever_notices_it() -> None:
    same, next_one = ALERT.evolve(why="other words"), ALERT.evolve(revision=5)

    assert alert_notices.notice_id(ALERT) == alert_notices.notice_id(same)
    assert alert_notices.notice_id(ALERT) != alert_notices.notice_id(next_one)


def test_a_series_of_one_host_has_one_end() -> None:
    assert (
        alert_notices.ends(Series("clock", "psclock", "a.example.org", "", "0123")) == "clock a.example.org"
    )
