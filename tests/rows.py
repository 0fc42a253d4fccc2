"""Tests of many rows that are one test for each kind of row.

A test by itself costs a process that collects it, runs it and tells of it four milliseconds, more than most
rows take; with thousands of rows that is most of what they cost.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

Test = Callable[..., None]

MOST_SHOWN = 20
"""Rows of a failed test: a mistake in what all of them need would show thousands."""


def each_of(rows: Iterable[Sequence[Any]], kinds: int = 1) -> Callable[[Test], Test]:
    """Have a test try all rows, as one test for those that begin alike; a failure shows the rows that fail.

    The first parameters of the test are the members of a row; ``kinds`` of them tell rows apart.
    """
    grouped: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        grouped.setdefault("-".join(getattr(each, "name", str(each)) for each in row[:kinds]), []).append(row)
    width = len(next(iter(grouped.values()))[0])

    def of_rows(test: Test) -> Test:
        signature = inspect.signature(test)
        parameters = list(signature.parameters.values())
        names, others = [each.name for each in parameters[:width]], parameters[width:]

        @functools.wraps(test)
        def tried(of: str, **given: Any) -> None:
            failures: dict[str, BaseException] = {}
            for row in grouped[of]:
                try:
                    test(**dict(zip(names, row, strict=True)), **given)
                except (Exception, pytest.fail.Exception) as error:
                    shown = dict(zip(names[kinds:], row[kinds:], strict=True))
                    failures[f"{shown}: {type(error).__name__}: {error}"] = error
            if failures:
                count = f"{len(failures)} of {len(grouped[of])} rows fail:"
                lines = [count, *itertools.islice(failures, MOST_SHOWN)]
                raise AssertionError("\n".join(lines)) from next(iter(failures.values()))

        of = inspect.Parameter("of", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        tried.__signature__ = signature.replace(parameters=[of, *others])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("of", list(grouped))(tried)

    return of_rows
