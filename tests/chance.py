"""Tests that try many inputs, each drawn by chance from a seed of its own.

Hypothesis would draw the same, and make it shorter where it fails; but for inputs of many parts it takes ten
times as long as what is tested. Of it is only the profile that says how many are tried.
"""

import functools
import inspect
import os
from collections.abc import Callable
from random import Random, SystemRandom
from typing import Any

from hypothesis import settings

MANY = 1000
"""Inputs of a run that is to meet what nobody has met yet."""


def by_chance(test: Callable[..., None], times: int | None = None) -> Callable[..., None]:
    """Have a test try so many inputs, each drawn by a ``chance`` of its own, whose seed a failure names.

    Three times as many as the profile has examples where none are said. They are the same every time, since
    what nobody has met yet is for ``make soak`` to meet; CHANCE=seed tries that one alone.
    """

    @functools.wraps(test)
    def tried(**given: Any) -> None:
        for seed in _seeds(test.__qualname__, times or 3 * settings().max_examples):
            try:
                test(**given, chance=Random(seed))
            except Exception as error:
                raise AssertionError(f"CHANCE={seed}: {type(error).__name__}: {error}") from error

    told = inspect.signature(test)
    others = [each for name, each in told.parameters.items() if name != "chance"]
    tried.__signature__ = told.replace(parameters=others)  # type: ignore[attr-defined]
    return tried


def _seeds(name: str, count: int) -> list[int]:
    again = os.environ.get("CHANCE")
    if again:
        return [int(again)]
    draw = SystemRandom() if count > MANY else Random(name)
    return [draw.getrandbits(64) for _ in range(count)]
