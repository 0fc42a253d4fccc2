"""What a process notes of what happened: in order, each node its own, as far back as is kept."""

import datetime as dt
from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.store import journal
from chalicelib.store.events import Forgotten, Members
from chalicelib.store.journal import Journal
from tests.builders import NODE

OTHER = NodeName("other")


@pytest.fixture(autouse=True)
def _none_kept() -> Iterator[None]:
    """No journal of the process, as a front leaves one that was here before."""
    journal.drop()
    yield
    journal.drop()


def noted(*numbers: int, kept: int = 10, node: NodeName = NODE) -> Journal:
    known = Journal(kept)
    add(known, *numbers, node=node)
    return known


def add(known: Journal, *numbers: int, node: NodeName = NODE) -> None:
    for number in numbers:
        known.note(node, "run", {"number": number})


def numbers(known: Journal, cursor: str, most: int = 10, node: NodeName = NODE) -> list[object]:
    return [event.members["number"] for event in known.behind(node, cursor, most).events]


def test_what_was_noted_is_told_as_it_was() -> None:
    before, known = dt.datetime.now(UTC), noted()
    begin = known.begin()
    add(known, 7)

    (event,) = known.behind(NODE, begin, 10).events

    assert (event.kind, event.members, event.cursor) == ("run", {"number": 7}, f"{known.name}-1")
    assert before <= event.at <= dt.datetime.now(UTC)


def test_one_hears_of_its_own_node_and_goes_on_behind_the_others() -> None:
    known = noted()
    begin = known.begin()
    add(known, 1)
    add(known, 2, node=OTHER)
    add(known, 3)

    assert (numbers(known, begin), numbers(known, begin, node=OTHER)) == ([1, 3], [2])
    end = known.behind(OTHER, begin, 10).cursor
    assert end == known.begin() == f"{known.name}-3"
    assert numbers(known, end) == []


def test_an_answer_holds_so_many_and_the_next_the_others() -> None:
    known = noted()
    begin = known.begin()
    add(known, 1, 2, 3)

    first = known.behind(NODE, begin, 2)

    assert [event.members["number"] for event in first.events] == [1, 2]
    assert first.cursor == first.events[-1].cursor == f"{known.name}-2"
    assert numbers(known, first.cursor, 2) == [3]


@pytest.mark.parametrize(("number", "found"), [(1, None), (2, [3, 4]), (3, [4]), (4, []), (5, None)])
def test_what_is_not_kept_or_never_was_is_forgotten(number: int, found: list[int] | None) -> None:
    known = noted(1, 2, 3, 4, kept=2)
    cursor = f"{known.name}-{number}"

    if found is None:
        with pytest.raises(Forgotten):
            known.behind(NODE, cursor, 10)
    else:
        assert numbers(known, cursor) == found


@pytest.mark.parametrize("number", ["", "-1", "x", "1x", "²", "1" * 16])
def test_what_is_no_cursor_is_refused(number: str) -> None:
    known = noted(1)

    with pytest.raises(Invalid, match=r"^since: must be the cursor of an earlier answer$"):
        known.behind(NODE, f"{known.name}-{number}", 10)


@pytest.mark.parametrize("number", ["0", "1" * 15])
def test_a_cursor_of_an_earlier_process_is_forgotten(number: str) -> None:
    with pytest.raises(Forgotten):
        noted(1).behind(NODE, f"another-{number}", 10)
    with pytest.raises(Forgotten):
        noted(1).behind(NODE, f"{noted().name}-{number}", 10)


def test_a_process_keeps_one_journal_while_it_is_told_to() -> None:
    journal.note(NODE, "run", {})
    assert journal.kept() is None

    journal.keep()
    known = journal.kept()
    journal.keep()
    journal.note(NODE, "run", {"number": 1})

    assert known is not None
    assert journal.kept() is known
    assert numbers(known, f"{known.name}-0") == [1]
    journal.drop()
    assert journal.kept() is None


def test_a_process_without_a_journal_passes_on_what_it_would_have_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[NodeName, str, Members]] = []
    monkeypatch.setattr(journal, "_listeners", [])
    journal.pass_on(lambda *event: told.append(event))

    journal.note(NODE, "run", {"number": 1})

    assert told == [(NODE, "run", {"number": 1})]
    assert journal.kept() is None
