"""A run as an item, and back: nothing of it is lost whatever it waits for."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.run import Documents
from chalicelib.domain.run_states import State
from chalicelib.domain.task import KEEP_AFTER_LAST_RUN
from chalicelib.store import raw_items, run_items
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.raw_items import Stretch
from tests.builders import NODE, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")
OWNER = task(duration=seconds(20))
LONG = task(duration=seconds(600))
DOCUMENTS = Documents(result={"a": 1}, limit_diags="d", reason={"code": "c"}, late={"at": "then"})


@pytest.mark.parametrize("owner", [OWNER, LONG], ids=["short", "long"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dispatched": True},
        {"awaiting": True},
        {"state": State.SCHEDULING, "awaiting": True},
        {"state": State.RUNNING, "began": True, "dispatched": True},
        {"state": State.RUNNING, "began": True, "dispatched": True, "leased_until": at(7)},
        {"dispatched": True, "leased_until": at(7)},  # handed over, and looked at then
        {"state": State.RUNNING, "began": True, "dispatched": True, "holder": "one", "received": 3},
        {"state": State.CLEANUP, "dispatched": True},
        {"state": State.FINISHED, "dispatched": True, "documents": DOCUMENTS},
        {"state": State.MISSED, "began": True, "dispatched": True},
        {"state": State.FAILED, "dispatched": True, "errors": "e", "purge_at": at(5000)},
        {"state": State.NONSTART, "dispatched": True, "priority": -5},
        {"priority": 0, "lane": "lane", "abandoned": 2, "revision": 9},
    ],
)
def test_a_run_is_the_same_after_it_was_an_item(owner: Any, changes: dict[str, Any]) -> None:
    one = run(owner, 60, **changes)

    assert run_items.to_run(run_items.to_item(one)) == one


@pytest.mark.parametrize(
    ("owner", "changes", "why", "when"),
    [
        (OWNER, {"state": State.SCHEDULING}, "agree", 60),  # its start, before two minutes are over
        (OWNER, {"awaiting": True}, "agree", 60),
        (OWNER, {}, "dispatch", 60),
        (OWNER, {"dispatched": True}, "give-up", 90),
        (OWNER, {"state": State.RUNNING, "dispatched": True}, "give-up", 90),  # short: where it was
        (LONG, {"state": State.RUNNING, "dispatched": True}, "give-up", 690),
        (OWNER, {"holder": "one", "dispatched": True}, "give-up", 110),
        (OWNER, {"state": State.CLEANUP, "dispatched": True}, "give-up", 140),
        (OWNER, {"leased_until": at(7)}, "give-up", 7),
    ],
)
def test_a_run_is_filed_for_what_it_waits_for(
    owner: Any, changes: dict[str, Any], why: str, when: float
) -> None:
    assert run_items.due_for(run(owner, 60, **changes)) == (why, at(when))


@pytest.mark.parametrize(
    ("changes", "expires"),
    [
        ({}, at(80.5) + 2 * KEEP_AFTER_LAST_RUN),
        ({"state": State.RUNNING}, at(80.5) + 2 * KEEP_AFTER_LAST_RUN),
        ({"state": State.FINISHED}, at(80.5) + KEEP_AFTER_LAST_RUN),
        ({"state": State.FINISHED, "purge_at": at(90.5)}, at(90.5)),
    ],
)
def test_a_run_is_kept_until_it_is_over_for_sure(changes: dict[str, Any], expires: dt.datetime) -> None:
    item = run_items.to_item(run(OWNER, 60, **{"end": at(80.5), **changes}))

    assert item.expires == (expires + seconds(0.5)).timestamp()


@pytest.mark.parametrize("is_large", [True, False])
def test_documents_go_to_the_bucket_under_the_run_and_its_revision(
    is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_items, "LARGEST_ITEM", 10 if is_large else 1000)
    one = run(OWNER, documents=DOCUMENTS, revision=3)

    item = run_items.to_item(one)

    where = f"{key(NODE, OWNER.uuid)}/{one.uuid}/3" if is_large else None
    assert (item.documents_at, item.documents is None, item.reason) == (where, is_large, {"code": "c"})
    assert run_items.to_run(item).documents == DOCUMENTS
    assert (item.lane, item.abandoned, item.received) == (None, None, None)


def test_what_lists_show_of_a_run_is_read_without_a_model() -> None:
    one = run(OWNER, 5, priority=-3, errors="oh", state=State.FAILED, documents=DOCUMENTS)
    bare = run(OWNER, 6)
    for each in (one, bare):
        run_items.to_item(each).save()
    stretch = Stretch(("state_key", key(NODE, "failed")), index="states")
    (failed,) = map(run_items.listed, raw_items.query(RunItem, stretch))
    stretch = Stretch(("state_key", key(NODE, "finished")), index="states")
    (pending,) = map(run_items.listed, raw_items.query(RunItem, stretch))

    assert failed == run(
        OWNER,
        5,
        uuid=one.uuid,
        priority=-3,
        errors="oh",
        state=State.FAILED,
        added=one.start,
        documents=Documents(reason={"code": "c"}),
    )
    assert pending == run(OWNER, 6, uuid=bare.uuid, added=bare.start)


@pytest.mark.parametrize("state", [State.FINISHED, State.MISSED, State.NONSTART, State.CANCELED])
def test_a_run_that_is_over_waits_for_nothing(state: State) -> None:
    assert run_items.due_for(run(OWNER, 60, state=state, dispatched=True)) is None


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ({"state": State.SCHEDULING}, 60),
        ({"dispatched": True}, 90),
        ({"state": State.RUNNING, "dispatched": True}, 110),  # half a minute after its end
        ({"state": State.RUNNING, "leased_until": at(7)}, 7),
        ({"state": State.CLEANUP}, 140),
    ],
)
def test_a_run_is_given_up_when_it_has_waited_too_long(changes: dict[str, Any], when: float) -> None:
    assert run_items.given_up_at(run(OWNER, 60, **changes)) == at(when)
