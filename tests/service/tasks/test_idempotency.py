"""What a key and a body come to, and the task that was stored for them."""

import hashlib

import pytest

from chalicelib.domain.errors import Invalid, Repeated, Unprocessable
from chalicelib.domain.names import NodeName
from chalicelib.service.tasks import idempotency
from chalicelib.store import idempotency_records
from chalicelib.store.idempotency_records import KEEP_KEYS, IdempotencyRecord
from chalicelib.store.transactions import sharing
from tests.builders import NODE, NOON, at, task

BODY = {"test": {"type": "idle"}, "schema": 1}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("key", ["!", "~", "k" * 255])
def test_a_key_and_its_body_come_to_digests_whatever_the_order_of_members(key: str) -> None:
    found = idempotency.request_key(key, BODY)

    assert found == idempotency.request_key(key, dict(reversed(BODY.items())))
    assert (found.name, found.fingerprint) == (sha256(key), sha256('{"schema": 1, "test": {"type": "idle"}}'))
    assert found != idempotency.request_key(key, {**BODY, "schema": 2})


@pytest.mark.parametrize("key", ["", " ", "a b", "\x7f", "ä", "k" * 256, "k\n"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(Invalid, match=r"^Idempotency-Key: must be 1 to 255 visible ASCII characters$"):
        idempotency.request_key(key, BODY)


def test_what_is_stored_with_a_task_is_kept_for_a_day() -> None:
    one, wanted = task(), idempotency.request_key("k", BODY)

    found = wanted.for_task(one, NOON)

    assert found == IdempotencyRecord(NODE, wanted.name, wanted.fingerprint, one.uuid, NOON + KEEP_KEYS)


@pytest.mark.usefixtures("empty_aws")
def test_the_task_of_a_key_is_found_by_the_same_body_alone() -> None:
    one, wanted = task(), idempotency.request_key("k", BODY)
    other = idempotency.request_key("k", {})
    sharing.insert(one, NOON)
    idempotency_records.to_item(wanted.for_task(one, NOON)).save()
    overtaken = Repeated("", one.uuid, wanted.fingerprint)

    assert idempotency.earlier(NODE, wanted, at(1)) == idempotency.resolved(NODE, wanted, overtaken) == one
    assert idempotency.earlier(NodeName("other"), wanted, at(1)) is None
    assert idempotency.earlier(NODE, wanted, NOON + KEEP_KEYS) is None
    with pytest.raises(
        Unprocessable, match=r"^Idempotency-Key: was used with another body in the last 24 hours$"
    ):
        idempotency.earlier(NODE, other, at(1))
    with pytest.raises(Unprocessable):
        idempotency.resolved(NODE, other, overtaken)
