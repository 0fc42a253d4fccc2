"""Whether an answer has the shape that ``distill.py`` wrote down; its docstring lists the shapes."""

from collections.abc import Iterator
from typing import Any

from tests.conformance.distill import type_name


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """A sentence for each place where ``found`` is not as wanted, by its JSON pointer."""
    if isinstance(wanted, str):
        yield from _of_type(wanted, found, at)
    elif isinstance(wanted, list):
        yield from _of_list(wanted, found, at)
    elif "=" in wanted:
        if found != wanted["="] or type_name(found) != type_name(wanted["="]):
            yield f"{at or '/'}: is {found!r}, not {wanted['=']!r}"
    elif "?" in wanted:
        if found is not None:
            yield from differences(wanted["?"], found, at)
    else:
        yield from _of_object(wanted, found, at)


def _of_type(wanted: str, found: Any, at: str) -> Iterator[str]:
    kind = type_name(found)
    if wanted != "any" and kind != wanted.rstrip("?") and not (wanted.endswith("?") and found is None):
        yield f"{at or '/'}: is of type {kind}, not {wanted}"


def _of_list(wanted: list[Any], found: Any, at: str) -> Iterator[str]:
    if not isinstance(found, list):
        yield f"{at or '/'}: is of type {type_name(found)}, not array"
    elif wanted and not found:
        yield f"{at or '/'}: is empty"
    elif wanted:
        for number, one in enumerate(found):
            yield from differences(wanted[0], one, f"{at}/{number}")


def _of_object(wanted: dict[str, Any], found: Any, at: str) -> Iterator[str]:
    if not isinstance(found, dict):
        yield f"{at or '/'}: is of type {type_name(found)}, not object"
        return
    for name, member in wanted.items():
        if name in found:
            yield from differences(member, found[name], f"{at}/{name}")
        else:
            yield f"{at}/{name}: is missing"
