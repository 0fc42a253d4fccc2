"""The client that all tables share."""

import functools
from typing import Any

from pynamodb.connection import Connection

from chalicelib.infrastructure import aws


class _Quick(Connection):
    """A connection without what PynamoDB does for each call: ask what it took, and tell whoever listens."""

    @property
    def session(self) -> Any:
        """What its client is made with; PynamoDB alone would read all descriptions of services once more."""
        return aws.session()

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._make_api_call(operation_name, operation_kwargs)
        return answer


@functools.cache
def connection() -> Connection:
    """The one client all tables share: PynamoDB alone would make one a table, 100 ms each."""
    return _Quick(connect_timeout_seconds=2, read_timeout_seconds=5, max_pool_connections=100)


def connect() -> None:
    """Make the client now, which takes a tenth of a second, rather than when it is first needed."""
    connection().client  # noqa: B018 - it is made by being asked for
