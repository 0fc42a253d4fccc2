"""What a spec or a result looks like to a person: blocks, rendered as text and as HTML.

A test returns blocks and never writes markup, so everything that reaches a page is escaped here.
"""

import dataclasses
import html
import json
from collections.abc import Callable, Sequence

from chalicelib.domain.schemas import JSON

TEXT, HTML = "text/plain", "text/html"
UNSPECIFIED = "Not Specified"
HIDDEN = "(hidden)"


@dataclasses.dataclass(frozen=True)
class Rows:
    """Labels and values, one a line; a value of UNSPECIFIED stands for a member that is absent."""

    rows: Sequence[tuple[str, JSON]]
    title: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under headings; ``line`` makes of a row, and of the headings where ``headed``, a line of text."""

    headings: Sequence[str]
    rows: Sequence[Sequence[JSON]]
    line: Callable[[Sequence[JSON]], str]
    title: str = ""
    headed: bool = False


@dataclasses.dataclass(frozen=True)
class Lines:
    """Text as it is: one paragraph a line."""

    lines: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Preformatted:
    """Text whose line breaks and spaces matter."""

    text: str


Block = Rows | Table | Lines | Preformatted


def render(blocks: Sequence[Block], mime: str) -> str:
    """Blocks as ``text/plain`` or ``text/html``, without a newline at the end."""
    one, between = (_html, "\n") if mime == HTML else (_text, "\n\n")
    return between.join(one(block) for block in blocks)


def _text(block: Block) -> str:
    match block:
        case Rows(rows, title):
            width = max((len(label) for label, _ in rows), default=0) + 2
            lines = [f"{(label + ' ').ljust(width, '.')} {_shown(value)}" for label, value in rows]
            return "\n".join([*_underlined(title), *lines])
        case Table(headings, rows, line, title, headed):
            shown = [headings, *rows] if headed else rows
            return "\n".join([*_underlined(title), *(line(row).rstrip() for row in shown)])
        case Lines(lines):
            return "\n".join(lines)
        case Preformatted(text):
            return text


def _underlined(title: str) -> list[str]:
    return [title, "-" * len(title)] if title else []


def _html(block: Block) -> str:
    match block:
        case Rows(rows, title):
            return _table(title, [_row("td", pair) for pair in rows])
        case Table(headings, rows, _, title, _):
            return _table(title, [_row("th", headings), *(_row("td", row) for row in rows)])
        case Lines(lines):
            return "\n".join(f"<p>{html.escape(line)}</p>" for line in lines)
        case Preformatted(text):
            return f"<pre>{html.escape(text)}</pre>"


def _table(title: str, rows: Sequence[str]) -> str:
    caption = [f"<caption>{html.escape(title)}</caption>"] if title else []
    return "\n".join(["<table>", *caption, *rows, "</table>"])


def _row(cell: str, values: Sequence[JSON]) -> str:
    cells = "".join(f"<{cell}>{html.escape(_shown(value))}</{cell}>" for value in values)
    return f"<tr>{cells}</tr>"


def _shown(value: JSON) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value)
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
