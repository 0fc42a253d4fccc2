"""DynamoDB's numbers: 38 significant digits, magnitudes from 1E-130 to 9.9E+125.

They are stored in one spelling each, so equal numbers are equal texts, and as keys in bytes that sort as
the numbers do:

    sign       1 byte    0 negative, 1 zero, 2 positive
    exponent   1 byte    of the first digit, from -130 on; complemented for negative numbers
    digits     1 byte each, without trailing zeros; complemented and ended by FF for negative numbers
"""

import decimal
import re

from local.engine.engine_errors import invalid

MOST_DIGITS = 38
_LEAST, _GREATEST = -130, 125
_PLAIN = re.compile(r"(?:0|-?[1-9][0-9]{0,36}[1-9]|-?[1-9])\Z|-?[1-9][0-9]{0,17}\Z")
_SMALL = re.compile(r"[1-9][0-9]{0,17}\Z")
_NUMBER = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?\Z")
_EXACT = decimal.Context(prec=600, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)

Parts = tuple[bool, str, int]
"""Whether a number is negative, its significant digits, and the exponent of the first; no digits for zero."""


def canonical(text: str) -> str:
    """A number in its one spelling: plain, no leading or trailing zeros. Raises ValidationException."""
    if _PLAIN.match(text):
        return text
    return _plain(_parts(text))


def sortable(text: str) -> bytes:
    """A number as bytes that sort as numbers do."""
    negative, digits, exponent = _parts(text)
    if not digits:
        return b"\x01"
    body = bytes([exponent - _LEAST]) + digits.encode()
    return b"\x00" + bytes(255 - byte for byte in body) + b"\xff" if negative else b"\x02" + body


def add(one: str, other: str) -> str:
    """The sum, exactly. Raises ValidationException when it has too many digits."""
    return canonical(str(_EXACT.add(decimal.Decimal(one), decimal.Decimal(other))))


def subtract(one: str, other: str) -> str:
    """The difference, exactly. Raises ValidationException when it has too many digits."""
    return canonical(str(_EXACT.subtract(decimal.Decimal(one), decimal.Decimal(other))))


def size(text: str) -> int:
    """The bytes a number counts for in an item."""
    if _SMALL.match(text):
        return (len(text.rstrip("0")) + 1) // 2 + 1
    negative, digits, _ = _parts(text)
    return (len(digits) + 1) // 2 + 1 + negative


def _parts(text: str) -> Parts:
    found = _NUMBER.match(text) if isinstance(text, str) else None
    if found is None or not (found[2] or found[3]):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    whole, fraction = found[2], found[3] or ""
    digits = (whole + fraction).lstrip("0")
    exponent = int(found[4] or 0) - len(fraction) + len(digits) - 1
    digits = digits.rstrip("0")
    if digits:
        _require_range(digits, exponent)
    return found[1] == "-" and bool(digits), digits, exponent


def _require_range(digits: str, exponent: int) -> None:
    if len(digits) > MOST_DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if exponent > _GREATEST:
        raise invalid(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if exponent < _LEAST:
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )


def _plain(parts: Parts) -> str:
    negative, digits, exponent = parts
    if not digits:
        return "0"
    sign = "-" if negative else ""
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
