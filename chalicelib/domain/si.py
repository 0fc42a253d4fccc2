"""Numbers with SI suffixes, as docs/contract/types.md section 2 defines them."""

import fractions
import re

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid

_PARTS = re.compile(r"(-?[0-9]{1,300}(?:\.[0-9]{1,300})?)\s*(?:([kmgtpezy])(i?))?", re.IGNORECASE | re.ASCII)
_POWERS = "kmgtpezy"


def parse_si(text: str | int) -> int | float:
    """``10``, ``"2k"`` (2000), ``"2Ki"`` (2048), ``"1.5M"`` -> number; ``m`` is mega, never milli.

    A whole value comes back as an int, also from a fraction ("1.5k" is 1500). Raises Invalid.
    """
    if isinstance(text, int):
        return text
    found = _PARTS.fullmatch(text.strip())
    if not found:
        raise Invalid(f"{shown(text)} is not a number with an optional SI suffix")
    digits, letter, binary = found.groups()
    base = 1024 if binary else 1000
    scale = base ** (_POWERS.index(letter.lower()) + 1) if letter else 1
    exact = fractions.Fraction(digits) * scale
    return exact.numerator if exact.denominator == 1 else float(exact)


def format_si(number: float, unit: str = "") -> str:
    """A number as a person reads it, in decimal steps: 1500 and "B" are ``1.5 kB``."""
    step = 0
    while abs(round(number, 1)) >= 1000 and step < len(_POWERS):
        number, step = number / 1000, step + 1
    prefix = ["", "k", *_POWERS[1:].upper()][step]
    return f"{number:.1f} {prefix}{unit}".rstrip()
