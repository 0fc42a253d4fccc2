"""However many shards there are, or were, what waits in them is found."""

from collections.abc import Callable

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.service.coordination import shard_planner
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.settings import SettingsError, forget_settings, settings
from chalicelib.store import dispatch_marks, node_table, shards, task_table
from chalicelib.store.transactions.booking import Booking, commit
from tests.builders import NODE, NOON, at, run, task

pytestmark = pytest.mark.usefixtures("empty_aws")

Cut = Callable[[int], None]


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    """Have so many shards from now on, as a process has that has just started."""

    def into(count: int) -> None:
        monkeypatch.setenv("PSCHEDULER_SHARDS", str(count))
        forget_settings()
        shards.forget()

    yield into  # type: ignore[misc]
    monkeypatch.undo()
    forget_settings()
    shards.forget()


def stored(count: int) -> None:
    """Tasks to be planned at noon, each with a run to be dispatched then, in as many shards as there are."""
    for number in range(count):
        one = task(uuid=f"{number:08x}-0000-4000-8000-000000000000", plan_at=NOON)
        soon = run(one, 30, uuid=f"{number:08x}-0000-4000-8000-000000000001")
        commit(Booking(None, one, (soon,)), NOON)


def waiting() -> int:
    return sum(len(task_table.due(shard, NOON, 99)) for shard in shards.every())


@pytest.mark.parametrize(("before", "after"), [(4, 9), (9, 4), (4, 1)])
def test_what_waited_is_found_when_their_number_changes(before: int, after: int, cut: Cut) -> None:
    cut(before)
    stored(20)
    assert waiting() == 20

    cut(after)

    assert waiting() == 20
    assert dispatch_tick.tick(at(0)) == 20
    for shard in shards.every():
        shard_planner.plan_shard(shard, NOON)
    assert waiting() == 0
    assert dispatch_marks.oldest_unsent(at(60)) is None


def test_the_most_there_ever_were_is_kept_whoever_has_fewer(cut: Cut) -> None:
    for count, most in ((4, 4), (9, 9), (2, 9), (8, 9), (12, 12)):
        cut(count)
        assert len(shards.every()) == most
        assert settings().shards == count


def test_a_number_is_raised_and_never_lowered() -> None:
    found = [node_table.raise_to(NODE, "most", count) for count in (3, 2, 5, 5, 4)]

    assert found == [3, 3, 5, 5, 5]
    assert node_table.raise_to(NodeName("other"), "most", 1) == 1


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_number_of_shards_that_is_none_is_refused(count: int, cut: Cut) -> None:
    cut(count)

    with pytest.raises(SettingsError, match="PSCHEDULER_SHARDS: must be "):
        settings()
