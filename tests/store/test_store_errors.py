"""What it means that the store refused, or did not answer."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from pynamodb.exceptions import PutError

from chalicelib.domain.errors import StorageFull, Unavailable
from chalicelib.store import store_errors
from chalicelib.store.store_errors import STORAGE_FULL, STORAGE_LOST

FULL = "The node has no room left to store anything; nothing was stored"
LOST = (
    "The file of the node's state was removed or replaced while it ran: nothing was stored, and the node has"
    " to be started again"
)
SILENT = "The node's storage did not answer; try again"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutItem")


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (refused(STORAGE_FULL), StorageFull, FULL),
        (PutError("", refused(STORAGE_FULL)), StorageFull, FULL),
        (PutError("", refused(STORAGE_LOST)), Unavailable, LOST),
        (refused("ThrottlingException"), Unavailable, SILENT),
        (PutError("", refused("ThrottlingException")), Unavailable, SILENT),
        (PutError(""), Unavailable, SILENT),
        (ClientError({"Error": {}}, "PutItem"), Unavailable, SILENT),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), Unavailable, SILENT),
    ],
)
def test_what_is_said_of_storage_tells_whether_there_is_room(
    error: Exception, kind: type[Exception], sentence: str
) -> None:
    found = store_errors.unavailable(error)

    assert (type(found), found.message) == (kind, sentence)
