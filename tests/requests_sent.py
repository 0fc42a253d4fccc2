"""What the product asks of AWS meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient


@contextmanager
def counted() -> Iterator[list[str]]:
    """The names of the operations asked for meanwhile, one each time."""
    sent: list[str] = []
    real = BaseClient._make_api_call

    def counting(client: Any, operation: str, request: Any) -> Any:
        sent.append(operation)
        return real(client, operation, request)

    BaseClient._make_api_call = counting
    try:
        yield sent
    finally:
        BaseClient._make_api_call = real
