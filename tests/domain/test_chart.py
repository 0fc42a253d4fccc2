"""The chart of a schedule, laid out without drawing."""

import datetime as dt
import pathlib
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from chalicelib.domain import chart, chart_svg
from chalicelib.domain.chart import Bar, Chart
from chalicelib.domain.run_states import State
from tests.builders import NOON, at

HOUR = 3600


AN_HOUR_ON = at(HOUR)


def charted(*bars: Bar, start: dt.datetime | None = NOON, end: dt.datetime | None = AN_HOUR_ON) -> Chart:
    return chart.chart("Runs", bars, start, end, NOON)


@pytest.mark.parametrize(
    ("scheduling_class", "state", "column"),
    [
        ("exclusive", State.PENDING, 1),
        ("normal", State.FINISHED, 2),
        ("background", State.RUNNING, 3),
        ("background-multi", State.CANCELED, 4),
        ("exclusive", State.NONSTART, 5),  # a state that is shown goes before the class
        ("background", State.PREEMPTED, 6),
    ],
)
def test_a_run_stands_in_the_column_of_its_class_or_state(
    scheduling_class: str, state: State, column: int
) -> None:
    assert chart.column_of(scheduling_class, state) == column


def test_data_are_lines_of_column_start_and_end_the_longest_first() -> None:
    drawn = charted(Bar(3, at(0), at(2)), Bar(1, at(10), at(70)))

    assert chart.data(drawn) == (
        "1 2026-11-23T12:00:10+00:00 2026-11-23T12:01:10+00:00\n"
        "3 2026-11-23T12:00:00+00:00 2026-11-23T12:00:02+00:00\n"
    )


def test_the_script_has_its_data_in_it_and_nothing_a_title_could_smuggle_in() -> None:
    drawn = chart.chart('a"\n`rm`$b', [Bar(1, at(0), at(1))], NOON, at(HOUR), NOON)

    script = chart.script(drawn)

    assert chart.data(drawn) in script
    assert 'set title "armb"' in script


def test_open_bounds_are_those_of_the_bars() -> None:
    drawn = charted(Bar(1, at(0), at(10)), Bar(1, at(600), at(610)), start=None, end=None)

    assert (drawn.start, drawn.end) == (at(-300), at(910))


def test_without_bars_and_bounds_it_shows_now() -> None:
    drawn = charted(start=None, end=None)

    assert drawn.start < NOON < drawn.end
    assert drawn.shows_now


@pytest.mark.parametrize(
    ("length", "count", "first", "second"),
    [
        (60, 13, "2026-11-23 12:00:00", "12:00:05"),
        (14 * 60, 15, "2026-11-23 12:00", "12:01"),
        (HOUR, 13, "2026-11-23 12:00", "12:05"),
        (24 * HOUR, 13, "2026-11-23 12:00", "14:00"),
        (30 * 24 * HOUR, 10, "2026-11-24 00:00", "2026-11-27 00:00"),
    ],
)
def test_ticks_are_round_and_name_each_day_once(length: int, count: int, first: str, second: str) -> None:
    marks = list(chart.ticks(charted(end=at(length))).values())

    assert (len(marks), marks[0], marks[1]) == (count, first, second)


def test_runs_that_overlap_stand_side_by_side_and_others_have_the_whole_width() -> None:
    drawn = charted(Bar(1, at(0), at(900)), Bar(1, at(300), at(600)), Bar(1, at(1800), at(2700)))

    found = [(box.left, box.right) for box in chart.boxes(drawn)]

    assert found == [(0, 0.5), (0.5, 1), (0, 1)]


def test_a_run_of_no_length_can_still_be_seen() -> None:
    (box,) = chart.boxes(charted(Bar(2, at(1800), at(1800))))

    assert box.bottom - box.top == pytest.approx(chart.SMALLEST)


BARS = some.builds(
    lambda column, start, length: Bar(column, at(start), at(start + length)),
    some.integers(1, 6),
    some.integers(-HOUR, 2 * HOUR),
    some.integers(0, 3 * HOUR),
)


@given(some.lists(BARS, max_size=60))
def test_every_run_is_drawn_inside_the_chart(bars: list[Bar]) -> None:
    boxes = chart.boxes(charted(*bars))

    assert len(boxes) == len(bars)
    for box in boxes:
        assert 0 <= box.top < box.bottom <= 1
        assert 0 <= box.left < box.right <= 1


@given(some.lists(BARS, max_size=15))
def test_no_run_covers_another_while_there_are_lanes(bars: list[Bar]) -> None:
    boxes = chart.boxes(charted(*bars))

    for number, one in enumerate(boxes):
        for other in boxes[:number]:
            apart = one.right <= other.left + 1e-9 or other.right <= one.left + 1e-9
            above = one.bottom <= other.top + 1e-9 or other.bottom <= one.top + 1e-9
            assert apart or above or one.column != other.column


def test_the_picture_is_svg_with_a_box_a_run_and_the_title_escaped() -> None:
    drawn = chart.chart("A & <b>", [Bar(1, at(0), at(60)), Bar(3, at(60), at(90))], NOON, at(HOUR), at(5))

    root = ElementTree.fromstring(chart_svg.svg(drawn))

    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "A & <b>"  # type: ignore[union-attr]
    boxes = [box for box in root.iter(f"{space}rect") if box.get("fill-opacity")]
    assert {box.get("fill") for box in boxes} == {chart.COLORS[0], chart.COLORS[2]}
    assert any(line.get("stroke-dasharray") for line in root.iter(f"{space}line"))  # now


PICTURES = pathlib.Path(__file__).parent / "pictures"


@pytest.mark.parametrize(
    ("name", "draw"), [("schedule.svg", chart_svg.svg), ("schedule.gnuplot", chart.script)]
)
def test_a_picture_is_drawn_as_it_was_when_it_was_looked_at(name: str, draw: Callable[[Chart], str]) -> None:
    bars = [
        Bar(1, at(0), at(900)),
        Bar(1, at(300), at(600)),  # beside the one before
        Bar(4, at(1800), at(1800)),
        Bar(6, at(2700), at(5400)),  # goes on
    ]
    drawn = chart.chart("Runs at <a> & b", bars, NOON, at(HOUR), at(1500))

    assert draw(drawn) + "\n" == (PICTURES / name).read_text()
