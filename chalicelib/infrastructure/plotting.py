"""Charts drawn by matplotlib, where it is installed: on one machine, not on Lambda."""

import io
import threading

from chalicelib.domain.chart import COLORS, COLUMNS, HEIGHT, WIDTH, Chart, boxes, place, ticks
from chalicelib.domain.errors import Unsupported
from chalicelib.domain.schemas import JSON

_DPI = 100
_GAP = 0.07
"""The part of a column's width that stays empty on both sides."""
_DRAWING = threading.Lock()  # matplotlib is not safe for threads


def draw(chart: Chart, kind: str) -> bytes:
    """The chart as a file, ``kind`` being png or svg. Raises Unsupported where there is no matplotlib."""
    try:
        from matplotlib.figure import Figure  # half a second, and few ask for pictures
    except ImportError as error:
        raise Unsupported(f"format: this node does not draw {kind}; svg it does") from error
    with _DRAWING:
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI)
        _plot(figure.add_axes((0.165, 0.025, 0.815, 0.885)), chart)
        written = io.BytesIO()
        figure.savefig(written, format=kind)
    return written.getvalue()


def _plot(axes: JSON, chart: Chart) -> None:
    axes.set(xlim=(0, len(COLUMNS)), ylim=(1, 0))
    axes.set_title(chart.title, fontsize=12, fontweight="bold", pad=44, parse_math=False)
    axes.xaxis.tick_top()
    axes.set_xticks([number + 0.5 for number in range(len(COLUMNS))], COLUMNS, fontsize=9)
    axes.tick_params(axis="x", length=0)
    for label, color in zip(axes.get_xticklabels(), COLORS, strict=True):
        label.set_color(color)
    marked = ticks(chart)
    axes.set_yticks([place(chart, moment) for moment in marked], marked.values(), fontsize=9)
    axes.grid(axis="y", color="#d5d9de", linewidth=0.8)
    axes.set_axisbelow(True)
    for number in range(1, len(COLUMNS), 2):
        axes.axvspan(number, number + 1, color="#f6f7f9", zorder=0)
    if chart.shows_now:
        axes.axhline(place(chart, chart.now), color="#222", linewidth=0.8, linestyle="--", zorder=3)
    _bars(axes, chart)


def _bars(axes: JSON, chart: Chart) -> None:
    usable = 1 - 2 * _GAP
    found = boxes(chart)
    axes.barh(
        y=[(box.top + box.bottom) / 2 for box in found],
        height=[box.bottom - box.top for box in found],
        left=[box.column + _GAP + box.left * usable for box in found],
        width=[(box.right - box.left) * usable for box in found],
        color=[COLORS[box.column] for box in found],
        edgecolor="white",
        linewidth=0.4,
        alpha=0.85,
        zorder=2,
    )
