"""What is remembered of a key, and until when."""

import pytest

from chalicelib.domain.errors import Repeated
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.store import idempotency_records
from chalicelib.store.idempotency_records import IdempotencyRecord
from tests.builders import NODE, NOON, at

pytestmark = pytest.mark.usefixtures("empty_aws")

RECORD = IdempotencyRecord(NODE, "name", "fingerprint", TaskId("task"), at(60))


def test_what_was_done_under_a_key_is_found_until_it_is_forgotten() -> None:
    idempotency_records.to_item(RECORD).save()

    assert idempotency_records.find(NODE, "name", at(59)) == RECORD
    assert idempotency_records.find(NODE, "name", at(60)) is None
    assert idempotency_records.find(NODE, "another", NOON) is None
    assert idempotency_records.find(NodeName("other"), "name", NOON) is None


def test_whoever_needs_a_key_to_be_unused_is_told_what_was_done() -> None:
    idempotency_records.to_item(RECORD).save()

    with pytest.raises(Repeated, match="The idempotency key was used already") as error:
        idempotency_records.require_unused(RECORD, at(59))
    assert (error.value.task, error.value.fingerprint) == ("task", "fingerprint")
    idempotency_records.require_unused(RECORD, at(60))
