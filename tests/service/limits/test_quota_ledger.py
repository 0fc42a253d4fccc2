"""What requesters have used of their quotas: counted with what is stored, and given back where it is not."""

from typing import Any

import pytest

from chalicelib.domain.errors import Forbidden
from chalicelib.domain.limits.quotas import Charge, Quota
from chalicelib.service.limits import quota_ledger
from chalicelib.store import counters
from tests.builders import NODE, NOON, at, exclusive_task, seconds, task
from tests.domain.limits.world import EVERYBODY, classifier, identifier, policy
from tests.policies import Install, use

pytestmark = pytest.mark.usefixtures("empty_aws")
HINTS = {"requester": "192.0.2.7"}
TASK = task(hints=HINTS)


def quota(of: str, most: int, **changes: Any) -> dict[str, Any]:
    return {"name": of, "description": "", "of": of, "most": most, "window": "PT1H", **changes}


def used(name: str, start: float = 0, who: str = "192.0.2.7") -> int:
    """What was counted in the hour of an instant."""
    return counters.read(NODE, f"{name}#{who}#{int(at(start).timestamp()) // 3600}")


def limited(installed: Install, *quotas: dict[str, Any], **changes: Any) -> None:
    installed(policy(schema=5, quotas=list(quotas), **changes))


def test_a_task_is_counted_while_it_is_stored_and_not_where_that_fails(installed: Install) -> None:
    limited(installed, quota("tasks", 2), quota("runs", 1))

    def fail_to_store() -> None:
        with quota_ledger.charged(TASK, NOON):
            assert used("tasks") == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_to_store()
    assert used("tasks") == 0

    for _ in range(2):
        with quota_ledger.charged(TASK, NOON):
            pass
    assert (used("tasks"), used("runs")) == (2, 0)
    with pytest.raises(Forbidden) as failed, quota_ledger.charged(TASK, NOON):
        raise AssertionError("it is not let in")
    assert failed.value.message == (
        'The limits of this node refuse this: quota "tasks" is used up: 2 tasks for each requester'
        " until 2026-11-23T13:00:00+00:00"
    )


def test_a_run_is_counted_in_the_window_it_is_in_with_its_time_where_that_is_exclusive(
    installed: Install,
) -> None:
    limited(installed, quota("runs", 9), quota("exclusive-seconds", 99), quota("tasks", 9))

    charges = quota_ledger.charge_run(exclusive_task(hints=HINTS, duration=seconds(7)), at(7200), NOON)
    more = quota_ledger.charge_run(TASK, at(7200), NOON)

    assert [charge.amount for charge in charges] == [1, 7]
    assert [charge.amount for charge in more] == [1]
    assert (used("runs", 7200), used("exclusive-seconds", 7200), used("tasks", 7200)) == (2, 7, 0)
    assert (used("runs"), used("exclusive-seconds")) == (0, 0)
    quota_ledger.give_back(NODE, charges)
    assert (used("runs", 7200), used("exclusive-seconds", 7200)) == (1, 0)


def test_all_of_it_is_counted_or_nothing(installed: Install) -> None:
    limited(installed, quota("runs", 9), quota("exclusive-seconds", 10))
    one = exclusive_task(hints=HINTS, duration=seconds(7))
    quota_ledger.charge_run(one, NOON, NOON)

    with pytest.raises(Forbidden, match="exclusive seconds"):
        quota_ledger.charge_run(one, NOON, NOON)

    assert (used("runs"), used("exclusive-seconds")) == (1, 7)


def test_a_quota_of_a_class_is_for_those_in_it(installed: Install) -> None:
    ten = identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8"]}, "ten")
    limited(
        installed,
        quota("tasks", 5, classifier="ten", per="class"),
        identifiers=[EVERYBODY, ten],
        classifiers=[classifier("all", "everybody"), classifier("ten", "ten")],
    )

    for requester in ("10.1.1.1", "192.0.2.7"):
        with quota_ledger.charged(task(hints={"requester": requester}), NOON):
            pass

    assert used("tasks", who="all") == 1


@pytest.mark.parametrize("limits", ["open", ""])
def test_without_a_policy_nothing_is_counted(
    installed: Install, monkeypatch: pytest.MonkeyPatch, limits: str
) -> None:
    use(monkeypatch, limits)

    assert quota_ledger.charge_run(TASK, NOON, NOON) == []


def test_nobody_is_classified_where_no_quota_is_of_what_is_counted(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(installed, quota("tasks", 5))
    monkeypatch.setattr(quota_ledger, "classes_of", None)  # classifying may look things up elsewhere

    assert quota_ledger.charge_run(TASK, NOON, NOON) == []


def test_what_cannot_be_given_back_stays_and_holds_up_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[Any] = []

    def take_back(node: str, name: str, amount: int) -> None:
        if name == "a":
            raise Forbidden("Not now")
        given.append((node, name, amount))

    monkeypatch.setattr(counters, "take_back", take_back)
    whose = Quota("q", None, "requester", "runs", 1, seconds(60))

    quota_ledger.give_back(NODE, [Charge(whose, "a", 1, NOON), Charge(whose, "b", 2, NOON)])

    assert given == [(NODE, "b", 2)]
    assert "a could not be given back" in caplog.messages
    assert "Not now" in caplog.text
