"""What is said of a task, and of its runs later: by a policy, and where there is none."""

from typing import Any

import pytest

from chalicelib.domain.errors import Forbidden, Unprocessable
from chalicelib.service.limits import admission
from chalicelib.service.limits.admission import Admitted, RunRuling
from chalicelib.service.node import api_keys
from tests.builders import NODE, NOON, at, task
from tests.domain.limits.world import IDLE, NEVER, classifier, identifier, limit, limiting, policy
from tests.policies import Install, use

HINTS = {"requester": "192.0.2.7"}
pytestmark = pytest.mark.usefixtures("empty_aws")


def ranked(script: str, **changes: Any) -> dict[str, Any]:
    """A policy with a priority for every run."""
    return policy(priority={"script": script}, **changes)


@pytest.mark.parametrize(
    ("limits", "admitted"),
    [
        ("open", Admitted(IDLE, "No limits were applied")),
        ("", Admitted(IDLE, "There is no policy: requests from this machine, or with a key, pass")),
    ],
)
def test_without_a_policy_a_task_is_let_in_as_it_is(
    installed: Install, monkeypatch: pytest.MonkeyPatch, limits: str, admitted: Admitted
) -> None:
    use(monkeypatch, limits, "127.0.0.1")

    assert admission.admit(IDLE, {"requester": "127.0.0.1"}, NOON) == admitted


def test_who_is_not_let_in_is_told_why_in_a_sentence_and_at_length(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "closed")
    with pytest.raises(Forbidden) as failed:
        admission.admit(IDLE, HINTS, NOON)
    assert failed.value.message == (
        f"The limits of this node refuse the task: {admission.ALL_CLOSED}\n{admission.ALL_CLOSED}"
    )

    installed(limiting(NEVER))
    with pytest.raises(Forbidden) as failed:
        admission.admit(IDLE, HINTS, NOON)
    assert failed.value.message.startswith('The limits of this node refuse the task: limit "never" failed')
    assert "\nHints:\n  requester: 192.0.2.7\n" in failed.value.message


def test_a_task_is_rewritten_where_it_is_led_and_its_requester_classified(installed: Install) -> None:
    them = identifier("ip-cidr-list", {"cidrs": ["192.0.2.0/24"]}, "them")
    installed(
        policy(
            identifiers=[identifier("always", {}, "everybody"), them],
            classifiers=[classifier("all", "everybody"), classifier("ours", "them")],
            rewrite={"script": '.schedule.slip = "PT1H" | change("later")'},
        )
    )

    led, taken_part_in = (admission.admit(IDLE, HINTS, NOON, rewrite) for rewrite in (True, False))

    assert (led.document, led.rewritten) == ({**IDLE, "schedule": {"slip": "PT1H"}}, True)
    assert (taken_part_in.document, taken_part_in.rewritten) == (IDLE, False)
    assert led.classified == taken_part_in.classified == ("all", "ours")
    assert admission.classes_of(admission._policy(NOON), HINTS) == ["all", "ours"]


def test_nobody_is_let_in_because_judging_broke(
    installed: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    installed(policy())
    monkeypatch.setattr(admission.evaluation, "judge", broken)

    ruling = admission.judge(IDLE, HINTS, NOON)

    assert (ruling.passed, ruling.why) == (
        False,
        "The policy could not be evaluated; the node's log says why",
    )
    assert ruling.diags == ruling.why
    assert "ZeroDivisionError" in caplog.text
    assert "Judging a proposal broke" in caplog.messages


def test_without_a_policy_that_could_be_read_there_is_nothing_to_go_by(installed: Install) -> None:
    installed("{")

    with pytest.raises(Unprocessable, match=r"could not be loaded\. The policy: not valid JSON"):
        admission.judge(IDLE, HINTS, NOON)
    ruling = admission.judge_run(task(hints=HINTS), NOON, NOON)

    assert (ruling.passed, ruling.priority) == (False, None)
    assert ruling.why == ruling.diags
    assert ruling.why.startswith("The limits of this node could not be loaded. The policy: not valid JSON")


# --- runs ----------------------------------------------------------------------------------------


def asking(priority: int | None = None, **changes: Any) -> Any:
    document = {**task().document, "schema": 3, **({} if priority is None else {"priority": priority})}
    return task(document=document, **{"hints": HINTS, "limit_diags": "It passed", **changes})


def test_without_a_policy_a_run_may_be_as_its_task_was(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "open")

    assert admission.judge_run(asking(7), NOON, NOON) == RunRuling(True, "It passed", 7)
    assert admission.priority(asking(7), NOON, NOON) == 7


@pytest.mark.parametrize(
    ("limits", "added", "passed"),
    [
        ("", True, True),
        ("", False, False),  # who came with a key needs it still
        ("open", False, True),  # where everybody is let in, nobody needs one
    ],
)
def test_without_a_policy_a_run_needs_the_key_that_its_task_came_with(
    installed: Install, monkeypatch: pytest.MonkeyPatch, limits: str, added: bool, passed: bool
) -> None:
    use(monkeypatch, limits)
    if added:
        api_keys.add(NODE, "probe", "measure", NOON)
    one = asking(7, hints={**HINTS, "api-key": "probe", "api-key-scopes": ["read", "measure"]})
    why = "The API key probe that the task was posted with is no longer valid"

    ruling = admission.judge_run(one, NOON, NOON)

    assert ruling == (RunRuling(True, "It passed", 7) if passed else RunRuling(False, why, 7, why))


def test_a_policy_sees_the_hints_of_a_task_without_a_key_that_is_over(installed: Install) -> None:
    api_keys.add(NODE, "probe", "read", NOON, expires=at(60))
    hints = {**HINTS, "api-key": "probe", "api-key-scopes": ["administer"]}

    assert admission._still(NODE, hints, at(59)) == {
        "requester": "192.0.2.7",
        "api-key": "probe",
        "api-key-scopes": ["read"],  # those it has, not those it had
    }
    assert admission._still(NODE, hints, at(60)) == HINTS
    assert admission._still(NODE, HINTS, at(60)) is HINTS


def test_a_policy_sees_when_a_run_is_to_be_and_how_long(installed: Install) -> None:
    script = 'if .run_schedule == {"start": "2026-11-23T12:01:00+00:00", "duration": "PT3S"}'
    when = limit("jq", {"script": f"{script} then true else (.run_schedule | tostring) end"}, "when")
    installed(limiting(when))

    assert admission.judge_run(asking(), at(60), NOON).passed
    refused = admission.judge_run(asking(), at(61), NOON)

    assert not refused.passed
    assert "12:01:01" in refused.diags
    assert 'limit "when" failed' in refused.why
    assert refused.classified == ("all",)


def test_of_a_long_trace_a_run_keeps_the_beginning(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MOST_OF_A_RUN", 6)
    installed(policy())

    assert admission.judge_run(asking(), NOON, NOON).diags == "Hints:"


@pytest.mark.parametrize(
    ("asked", "given", "lower"),
    [(None, None, None), (None, 3, 3), (3, None, 3), (3, 4, 3), (4, 3, 3), (0, 3, 0)],
)
def test_the_priority_of_a_run_is_no_more_than_its_task_asks_for(
    asked: int | None, given: int | None, lower: int | None
) -> None:
    assert admission._lower(asked, given) == lower


def test_a_priority_is_looked_at_before_there_is_a_run(installed: Install) -> None:
    installed(ranked('set(5; "by policy")'))

    assert admission.priority(asking(7), NOON, NOON) == 5
    assert admission.priority(asking(3), NOON, NOON) == 3
    assert admission.priority(asking(None), NOON, NOON) is None  # none was asked for: none is looked at
