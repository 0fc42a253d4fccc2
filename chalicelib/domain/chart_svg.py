"""A chart as SVG, without any library: what a Lambda draws."""

import html
from collections.abc import Iterator

from chalicelib.domain.chart import COLORS, COLUMNS, HEIGHT, WIDTH, Chart, boxes, place, ticks

_LEFT, _TOP, _RIGHT, _BOTTOM = 150, 100, 20, 30
"""Room for the times, for the title and the names of the columns, and at the other edges."""
_ACROSS = (WIDTH - _LEFT - _RIGHT) / len(COLUMNS)
_DOWN = HEIGHT - _TOP - _BOTTOM
_GAP = 8
"""Pixels on both sides of a column that stay empty."""

_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
    f' height="{HEIGHT}" font-family="sans-serif" font-size="13" fill="#222">'
)


def svg(chart: Chart) -> str:
    """The whole picture."""
    lines = [_HEAD, f"<title>{html.escape(chart.title)}</title>"]
    lines += [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    lines += [_text(WIDTH / 2, 30, chart.title, 'text-anchor="middle" font-size="17" font-weight="bold"')]
    return "\n".join([*lines, *_columns(), *_times(chart), *_boxes(chart), *_now(chart), _frame(), "</svg>"])


def _columns() -> Iterator[str]:
    for number, name in enumerate(COLUMNS):
        left = _LEFT + number * _ACROSS
        if number % 2:
            yield f'<rect x="{left:.1f}" y="{_TOP}" width="{_ACROSS:.1f}" height="{_DOWN}" fill="#f6f7f9"/>'
        lines = name.split("\n")
        for place_in_name, line in enumerate(lines):
            y = _TOP - 12 - 16 * (len(lines) - 1 - place_in_name)
            yield _text(left + _ACROSS / 2, y, line, f'text-anchor="middle" fill="{COLORS[number]}"')


def _times(chart: Chart) -> Iterator[str]:
    for moment, words in ticks(chart).items():
        y = _TOP + place(chart, moment) * _DOWN
        yield f'<line x1="{_LEFT - 5}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#d5d9de"/>'
        yield _text(_LEFT - 10, y + 4, words, 'text-anchor="end"')


def _boxes(chart: Chart) -> Iterator[str]:
    for box in boxes(chart):
        left = _LEFT + box.column * _ACROSS + _GAP
        usable = _ACROSS - 2 * _GAP
        x, width = left + box.left * usable, (box.right - box.left) * usable
        y, height = _TOP + box.top * _DOWN, (box.bottom - box.top) * _DOWN
        yield (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
            f' fill="{COLORS[box.column]}" fill-opacity="0.85" stroke="#fff" stroke-width="0.5"/>'
        )


def _now(chart: Chart) -> Iterator[str]:
    if chart.shows_now:
        y = _TOP + place(chart, chart.now) * _DOWN
        ends = f'x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"'
        yield f'<line {ends} stroke="#222" stroke-dasharray="6 4"/>'


def _frame() -> str:
    width = WIDTH - _LEFT - _RIGHT
    return f'<rect x="{_LEFT}" y="{_TOP}" width="{width}" height="{_DOWN}" fill="none" stroke="#888"/>'


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(words)}</text>'
