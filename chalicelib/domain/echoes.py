"""What somebody sent, as an error shows it: as JSON, cut where it is long, nothing in it that cannot be seen.

All that messages say of a request's own words goes through here: a message is no place for a megabyte, and
one that is printed must not move a terminal's cursor, end a line, or turn the direction of writing.
"""

import json
from collections.abc import Iterable
from typing import Any

LONGEST = 200
"""Characters of a value that are shown."""
LONGEST_NAME = 80
"""Characters of a name that are shown."""
MOST_NAMES = 10
"""Names of a list that are shown."""
CUT = "..."


def shown(value: Any, most: int = LONGEST) -> str:
    """A value as JSON: ``"rtt"``, ``null``, ``[1, true]``; of one that is long its beginning."""
    if isinstance(value, str):
        text = _visible(_ENCODER.encode(value[:most]))
        return text if len(value) <= most else text + CUT
    text = _beginning(value, most)
    return _visible(text[:most]) + (CUT if len(text) > most else "")


def name(text: str, most: int = LONGEST_NAME) -> str:
    """A name as it is, without quotes; of one that is long its beginning."""
    return _visible(text[:most]) + (CUT if len(text) > most else "")


def said(error: Exception) -> str:
    """What an error of a library says, which may quote what it was given."""
    return name(str(error), LONGEST)


def names(found: Iterable[str]) -> str:
    """Names as JSON, separated by commas; of many the first in their order."""
    ordered = sorted(found)
    first = ", ".join(shown(each, LONGEST_NAME) for each in ordered[:MOST_NAMES])
    return first if len(ordered) <= MOST_NAMES else f"{first} and {len(ordered) - MOST_NAMES} more"


def visible(text: str) -> str:
    """A text of several lines, with what cannot be seen escaped as JSON escapes it."""
    return "\n".join(map(_visible, text.split("\n")))


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)


def _beginning(value: Any, most: int) -> str:
    """The JSON of a value, or a little more of it than is shown: it may be as large as a request."""
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece[: most + 1]
        if len(text) > most:
            break
    return text


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1]  # of characters beyond the first plane, both halves
