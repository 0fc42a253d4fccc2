"""What can go wrong between the product and its tables, in the product's own terms."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import DeleteError, PutError, PynamoDBException, TransactWriteError, UpdateError

from chalicelib.domain.errors import Conflict, StorageFull, Unavailable
from chalicelib.domain.telemetry import CONFLICTS
from chalicelib.infrastructure import process_counters

STORE_ERRORS = (BotoCoreError, ClientError, PynamoDBException)
"""What is raised when AWS does not answer, or not as it should."""

STORAGE_FULL = "StorageFull"
"""The code of a write that the engine of a one-machine node found no room for. AWS has no such."""
STORAGE_LOST = "StorageLost"
"""The code of a write to a file that was removed or replaced while such a node ran."""
_LOST = {"ConditionalCheckFailedException", "ConditionalCheckFailed", "TransactionConflict"}


@contextmanager
def on_condition_failed(conflict: Conflict) -> Iterator[None]:
    """Raise the conflict in place of a write whose condition did not hold; other errors pass as they are.

    A transaction that met another one on the same item lost as well: nothing of it was written.
    """
    try:
        yield
    except (PutError, UpdateError, DeleteError) as error:
        if error.cause_response_code in _LOST:
            process_counters.count(CONFLICTS)
            raise conflict from error
        raise
    except TransactWriteError as error:
        if any(reason and reason.code in _LOST for reason in error.cancellation_reasons):
            process_counters.count(CONFLICTS)
            raise conflict from error
        raise


def unavailable(error: Exception) -> Unavailable:
    """What to say of one of STORE_ERRORS: StorageFull, where it is for want of room."""
    if _code(error) == STORAGE_FULL:
        return StorageFull("The node has no room left to store anything; nothing was stored")
    if _code(error) == STORAGE_LOST:
        return Unavailable(
            "The file of the node's state was removed or replaced while it ran: nothing was stored, and the"
            " node has to be started again"
        )
    return Unavailable("The node's storage did not answer; try again")


def _code(error: Exception) -> str | None:
    if isinstance(error, PynamoDBException):
        return error.cause_response_code
    return error.response["Error"].get("Code") if isinstance(error, ClientError) else None
