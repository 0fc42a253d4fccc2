"""The chart of a schedule: a column for each class of runs, time running down.

A chart is laid out here, without drawing: ``data`` and ``script`` are its two texts, and what draws it
(``chart_svg``) takes the boxes. The columns are those of docs/contract/api.md, Schedule.
"""

import dataclasses
import datetime as dt
import heapq
import math
from collections.abc import Mapping, Sequence

from chalicelib.domain.run_states import State
from chalicelib.domain.times import EPOCH, SECOND, UTC

COLUMNS = (
    "Exclusive",
    "Normal",
    "Background",
    "Background\nmulti-result",
    "Non-starting",
    "Preempted",
)
COLORS = ("#c0392b", "#d68910", "#2e7d32", "#1565c0", "#7f8c8d", "#6a3fa0")
WIDTH, HEIGHT = 900, 1200
"""The size of a picture, in pixels."""
MOST_LANES = 20
"""How many overlapping runs a column shows side by side; more share lanes."""
SMALLEST = 1 / 400
"""The part of the whole time that the shortest run is drawn as, so that it can be seen."""

_OF_CLASS = {"exclusive": 1, "normal": 2, "background": 3, "background-multi": 4}
_OF_STATE = {State.NONSTART: 5, State.PREEMPTED: 6}
_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400]
_MOST_TICKS = 14
_MARGIN = dt.timedelta(minutes=5)
_LATEST = dt.datetime(9999, 12, 31, tzinfo=UTC)


@dataclasses.dataclass(frozen=True)
class Bar:
    """A run in its column, counted from 1."""

    column: int
    start: dt.datetime
    end: dt.datetime


@dataclasses.dataclass(frozen=True)
class Box:
    """A bar as it is drawn: its column from 0, its place across it and down the chart, in parts of 1."""

    column: int
    left: float
    right: float
    top: float
    bottom: float


@dataclasses.dataclass(frozen=True)
class Chart:
    """Bars between two instants, the longest first, what stands above them, and when it was drawn."""

    title: str
    start: dt.datetime
    end: dt.datetime
    bars: Sequence[Bar]
    now: dt.datetime

    @property
    def shows_now(self) -> bool:
        return self.start <= self.now <= self.end


def column_of(scheduling_class: str, state: State) -> int:
    """The column of a run, counted from 1: that of its state where there is one, or of its class."""
    return _OF_STATE.get(state) or _OF_CLASS[scheduling_class]


def chart(
    title: str, bars: Sequence[Bar], start: dt.datetime | None, end: dt.datetime | None, now: dt.datetime
) -> Chart:
    """Lay a chart out over the time asked for; where a bound is open, over the bars there are."""
    first = start or min([bar.start for bar in bars], default=now) - _MARGIN
    last = end or max([bar.end for bar in bars], default=now) + _MARGIN
    ordered = sorted(bars, key=lambda bar: (bar.start - bar.end, bar.start, bar.column))
    first = min(first, _LATEST)  # there must be calendar left below it
    return Chart(title, first, max(last, first + SECOND), ordered, now)


def data(chart: Chart) -> str:
    """A line for each run: ``<column> <start> <end>``."""
    lines = (f"{bar.column} {_stamp(bar.start)} {_stamp(bar.end)}\n" for bar in chart.bars)
    return "".join(lines)


def _stamp(moment: dt.datetime) -> str:
    return moment.isoformat()


def script(chart: Chart) -> str:
    """A program for gnuplot that draws the chart as SVG, with its data in it."""
    names = (f'"{name}" {number}'.replace("\n", "\\n") for number, name in enumerate(COLUMNS, 1))
    return "\n".join(
        [
            "$runs << END",
            data(chart) + "END",
            f"set terminal svg size {WIDTH},{HEIGHT} dynamic",
            f'set title "{_quoted(chart.title)}"',
            'set timefmt "%Y-%m-%dT%H:%M:%S"',
            "unset xtics",
            f"set x2range [0.5:{len(COLUMNS)}.5]",
            f"set x2tics scale 0 ({', '.join(names)})",
            "set ydata time",
            'set format y "%Y-%m-%d\\n%H:%M:%S"',
            "set ytics out nomirror",
            f'set yrange ["{_stamp(chart.start)}":"{_stamp(chart.end)}"] reverse',
            "set key off",
            "set grid front noxtics ytics",
            "set boxwidth 0.9",
            "set style fill solid",
            "plot $runs using 1:2:3:2:3 with candlesticks axes x2y1",
        ]
    )


def _quoted(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() and letter not in '"\\`$')


def place(chart: Chart, moment: dt.datetime) -> float:
    """How far down the chart an instant is: 0 at its start, 1 at its end."""
    return min(1.0, max(0.0, (moment - chart.start) / (chart.end - chart.start)))


def boxes(chart: Chart) -> list[Box]:
    """The bars as boxes. Those of a column that would cover each other stand side by side."""
    return [box for number in range(len(COLUMNS)) for box in _column(chart, number)]


def _column(chart: Chart, number: int) -> list[Box]:
    bars = sorted((bar for bar in chart.bars if bar.column == number + 1), key=lambda bar: bar.start)
    spans = [_span(chart, bar) for bar in bars]
    return [
        Box(number, lane / count, (lane + 1) / count, top, bottom)
        for (lane, count), (top, bottom) in zip(_lanes(spans), spans, strict=True)
    ]


def _span(chart: Chart, bar: Bar) -> tuple[float, float]:
    top, bottom = place(chart, bar.start), place(chart, bar.end)
    bottom = max(bottom, min(1.0, top + SMALLEST))
    return min(top, bottom - SMALLEST), bottom


def _lanes(spans: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """(lane, lanes there) for each span, which come by their tops: as few lanes as can be at each place."""
    lanes: list[tuple[int, int]] = []
    group: list[int] = []
    busy: list[tuple[float, int]] = []
    for top, bottom in spans:
        while busy and busy[0][0] <= top:
            heapq.heappop(busy)
        if not busy:  # nothing reaches across here: what follows may have the whole width again
            lanes += _spread(group)
            group = []
        taken = {lane for _, lane in busy}
        lane = min(lane for lane in range(len(taken) + 1) if lane not in taken)
        heapq.heappush(busy, (bottom, lane))
        group.append(lane)
    return lanes + _spread(group)


def _spread(group: Sequence[int]) -> list[tuple[int, int]]:
    count = min(max(group, default=0) + 1, MOST_LANES)
    return [(lane % count, count) for lane in group]


def ticks(chart: Chart) -> Mapping[dt.datetime, str]:
    """Round instants to mark, and how they read: the time, with the date where it is a new one."""
    seconds = (chart.end - chart.start) / SECOND
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), None)
    step = step or 86400 * math.ceil(seconds / 86400 / _MOST_TICKS)
    first, last = ((moment - EPOCH) / SECOND / step for moment in (chart.start, chart.end))
    marked, day = {}, None
    for number in range(math.ceil(first), math.floor(last) + 1):
        moment = EPOCH + SECOND * step * number
        form = "%H:%M:%S" if step < 60 else "%H:%M"
        marked[moment] = moment.strftime(form if moment.date() == day else f"%Y-%m-%d {form}")
        day = moment.date()
    return marked
