"""What an operation of a service is: what answers it, and the parameters it knows."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from local.engine.engine import Engine

Answer = Callable[["Engine", dict[str, Any]], dict[str, Any]]


class Operation(NamedTuple):
    """How an operation is answered; one asked with any other parameter is refused by name."""

    answer: Answer
    parameters: frozenset[str]

    @classmethod
    def of(cls, answer: Answer, parameters: str) -> "Operation":
        """An operation whose parameters are given as one string, with spaces between."""
        return cls(answer, frozenset(parameters.split()))
