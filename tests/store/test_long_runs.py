"""How far back a run may have begun that reaches into a time."""

import datetime as dt

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.store import long_runs, node_table
from chalicelib.store.long_runs import LENGTHS, SHORT, look_back
from chalicelib.store.transactions import recording
from chalicelib.store.transactions.booking import Booking, commit, write_singly
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")
HOUR, SIX, DAY = LENGTHS


def noted(start: float, length: float) -> None:
    long_runs.note(run(task(duration=seconds(length)), start))


@pytest.mark.parametrize(
    ("length", "back"),
    [
        (1, SHORT),
        (900, SHORT),
        (901, HOUR),
        (3600, HOUR),
        (3601, SIX),
        (21600, SIX),
        (21601, DAY),
        (86400, DAY),
        (200000, DAY),
    ],
)
def test_it_is_looked_back_by_what_such_a_run_may_take(length: float, back: dt.timedelta) -> None:
    noted(-60, length)

    assert look_back(NODE, NOON) == back


def test_once_they_are_over_it_is_not_looked_back_for_them() -> None:
    noted(0, 3600)

    backs = [look_back(NODE, at(moment)) for moment in (0, 3599, 2 * 3600 - 1, 2 * 3600)]

    assert backs == [HOUR, HOUR, HOUR, SHORT]


def test_the_longest_that_reaches_there_decides() -> None:
    noted(0, 86400)
    noted(0, 3600)
    noted(86400, 7200)

    backs = [look_back(NODE, at(3600 * hour)) for hour in (1, 24, 25, 27)]

    assert backs == [DAY, DAY, SIX, SHORT]


def test_a_node_does_not_look_for_what_others_run() -> None:
    noted(0, 3600)

    assert look_back(NodeName("other.test"), NOON) == SHORT


def test_a_note_is_written_once_for_many_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    raise_to = node_table.raise_to

    def counted(node: NodeName, name: str, count: int) -> int:
        asked.append(name)
        return raise_to(node, name, count)

    monkeypatch.setattr(node_table, "raise_to", counted)
    for number in range(10):
        noted(60 * number, 1800)

    assert len(asked) == 1


def test_another_process_lowers_nothing() -> None:
    noted(7200, 3600)
    long_runs.forget()
    noted(0, 3600)

    assert look_back(NODE, at(7200)) == HOUR


def test_however_a_run_is_stored_it_is_noted_first() -> None:
    one = task(duration=seconds(3600))
    ways = {
        HOUR: lambda: commit(Booking(None, one, (run(one, 0),)), NOON),
        SIX: lambda: write_singly(one, one, [run(one, 60).evolve(end=at(7200))], NOON),
        DAY: lambda: recording.append(run(one, 120).evolve(end=at(86400)), []),
    }

    for back, store in ways.items():
        store()
        assert look_back(NODE, NOON) == back
