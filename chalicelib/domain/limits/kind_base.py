"""What kinds of identifiers and kinds of limits share: the schema of their data, and its preparation."""

import dataclasses
import datetime as dt
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.schemas import JSON, Checker, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES

EMPTY = closed({})
NETWORKS = {"type": "array", "items": {"anyOf": [TYPES["IPCIDR"], TYPES["IPAddress"]]}, "maxItems": 10_000}


@dataclasses.dataclass(frozen=True)
class Kind:
    """One type. ``prepare`` makes of checked data, and of its JSON pointer, what ``decide`` is given."""

    schema: Mapping[str, JSON]
    prepare: Callable[[Mapping[str, JSON], str, Jq], Any]
    decide: Callable[..., Any]
    checks_schedule: bool = False


def checked(checker: Checker, value: JSON, pointer: str) -> None:
    """Raise Invalid, naming the member, unless a value keeps to a schema."""
    fault = checker.fault(value)
    if fault is not None:
        raise fault.inside(pointer)


def as_is(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Mapping[str, JSON]:
    """Data that needs no preparation."""
    return data


def period(text: str, pointer: str) -> dt.timedelta:
    """A duration. Raises Invalid, naming the member."""
    try:
        return parse_duration(text)
    except Invalid as error:
        raise error.inside(pointer) from error


def check_proxy(data: Mapping[str, JSON], pointer: str) -> None:
    """Raise Invalid, naming the member and not its value, for a ``proxy`` that is none for HTTP."""
    if "proxy" not in data:
        return
    try:
        parts = urllib.parse.urlsplit(data["proxy"])
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise Invalid(
            "must be the URL of an HTTP proxy, such as http://proxy.example:3128", f"{pointer}/proxy"
        )
