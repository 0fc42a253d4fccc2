"""What the product asks of AWS meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient


@contextmanager
def counted() -> Iterator[list[str]]:
    """The names of the operations asked for meanwhile, one each time."""
    sent: list[str] = []
    with _heard(lambda operation, answer: sent.append(operation)):
        yield sent


@contextmanager
def looked_at() -> Iterator[list[int]]:
    """How many items each query looked at meanwhile, shown or not."""
    numbers: list[int] = []
    with _heard(
        lambda _, answer: numbers.append(answer["ScannedCount"]) if "ScannedCount" in answer else None
    ):
        yield numbers


@contextmanager
def _heard(listener: Callable[[str, Any], None]) -> Iterator[None]:
    real = BaseClient._make_api_call

    def listening(client: Any, operation: str, request: Any) -> Any:
        answer = real(client, operation, request)
        listener(operation, answer)
        return answer

    BaseClient._make_api_call = listening
    try:
        yield
    finally:
        BaseClient._make_api_call = real
