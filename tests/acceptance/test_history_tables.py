"""The tables that histories are played on, against engines: the same questions, the same answers."""

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.store.models.connection import connection
from tests.acceptance.history.simulation import Scale, recorded

pytestmark = pytest.mark.usefixtures("either_engine")

BUSY = Scale(nodes=2, tasks=6, posting=40, error=90, cohosted=True)

MOST = None if os.environ.get("HISTORY_SOAK") else 1500
"""Questions to MiniStack, which takes ten times as long to answer."""
REFUSED = ("ConditionalCheckFailedException", "TransactionCanceledException")


def asked(operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
    """The engine's answer; None where a condition did not hold."""
    try:
        answer: dict[str, Any] = connection().client._make_api_call(operation, request)
        return answer
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        return None


@pytest.mark.slow(20)
@pytest.mark.parametrize(
    ("either_engine", "most"), [("sqlite", None), ("ministack", MOST)], indirect=["either_engine"]
)
def test_a_history_played_again_on_an_engine_gets_the_same_answers(most: int | None) -> None:
    calls = [call for call in recorded(3, BUSY) if call[0] != "Query" or call[1].get("ConsistentRead")][:most]

    refused = 0
    for operation, request, expected in calls:
        answer = asked(operation, request)
        assert (answer is None) == (expected is None), (operation, request)
        refused += answer is None
        if operation in ("GetItem", "Query"):
            assert answer is not None
            assert expected is not None
            assert answer.get("Item") == expected.get("Item"), request
            assert answer.get("Items") == expected.get("Items"), request

    assert refused > 0 or most is not None  # none of the first may have been
    assert len(calls) > 200
