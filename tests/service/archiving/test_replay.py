"""Deliveries that were given up, tried again."""

from typing import Any

import pytest

from chalicelib.infrastructure import queues
from chalicelib.service.archiving import announce, replay
from chalicelib.store import delivery_table
from tests.builders import NODE, at, seconds
from tests.service.archiving.test_attempt import finished, keeping, stored

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_what_was_given_up_is_announced_anew_but_for_what_somebody_else_tries(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(queues, "announce", lambda *told: sent.append(told))
    one = finished(keeping(None))
    for number in (0, 1):
        stored(one, number, next_attempt=None, completed=True, attempts=2)
    first, second = delivery_table.of_run(NODE, one.uuid)
    by_another = delivery_table.change(second.revived(at(1)))

    with caplog.at_level("INFO"):
        revived = replay.retry([second, first], at(5))

    assert revived == [delivery_table.get(NODE, one.uuid, 0)]
    assert (revived[0].completed, revived[0].attempts, revived[0].next_attempt) == (False, 0, at(5))
    assert delivery_table.get(NODE, one.uuid, 1) == by_another
    assert sent == [(queues.DELIVERIES, [(announce.message(revived[0]), seconds(0))])]
    assert f"Delivery {second.id} is being tried again by somebody else" in caplog.messages
