"""Numbers in text that others wrote: arguments, headers, options, settings. Pure.

int() and float() take more than is meant: underscores, blanks, digits of every script, nan and inf; and what
they refuse to read, thousands of digits, is an error of its own. Here a number is ASCII digits, at most so
many, with a minus where it may have one.
"""

import math
import re

MOST_DIGITS = 38
"""Of an integer, where nothing else is said: what a table keeps of one."""

_INTEGER = re.compile(r"-?([0-9]+)", re.ASCII)
_DECIMAL = re.compile(
    r"-?(?:[0-9]{1,300}(?:\.[0-9]{0,300})?|\.[0-9]{1,300})(?:[eE][+-]?[0-9]{1,3})?", re.ASCII
)


def integer(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """A whole number with or without a minus; None where the text is none, or has more digits."""
    found = _INTEGER.fullmatch(text)
    return int(text) if found and len(found[1]) <= most_digits else None


def whole(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """The same without a minus."""
    return None if text.startswith("-") else integer(text, most_digits)


def decimal(text: str) -> float | None:
    """A number with or without a fraction and an exponent; None where the text is none, or not finite."""
    value = float(text) if _DECIMAL.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None
