"""Tests of many rows that are one test for each kind of row.

A test by itself costs a process that collects it, runs it and tells of it four milliseconds, more than most
rows take; with thousands of rows that is most of what they cost.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]


def each_of(rows: Iterable[Sequence[Any]], kinds: int = 1) -> Callable[[Test], Test]:
    """Have a test try all rows, as one test for those that begin alike; a failure shows its row.

    The first parameters of the test are the members of a row; ``kinds`` of them tell rows apart.
    """
    grouped: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        grouped.setdefault("-".join(getattr(each, "name", str(each)) for each in row[:kinds]), []).append(row)
    width = len(next(iter(grouped.values()))[0])

    def of_rows(test: Test) -> Test:
        told = inspect.signature(test)
        names, others = list(told.parameters)[:width], list(told.parameters.values())[width:]

        @functools.wraps(test)
        def tried(of: str, **given: Any) -> None:
            for row in grouped[of]:
                try:
                    test(**dict(zip(names, row, strict=True)), **given)
                except Exception as error:
                    shown = dict(zip(names[kinds:], row[kinds:], strict=True))
                    raise AssertionError(f"{shown}: {type(error).__name__}: {error}") from error

        of = inspect.Parameter("of", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        tried.__signature__ = told.replace(parameters=[of, *others])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("of", list(grouped))(tried)

    return of_rows
