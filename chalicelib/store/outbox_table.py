"""Errands in the store: requests to other nodes that outlive whoever first made them."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.errors import Conflict, NotFound
from chalicelib.domain.outbox_request import Errand
from chalicelib.domain.task import KEEP
from chalicelib.store.conditions import lost_means
from chalicelib.store.models import ErrandItem, bare, key

FRESH, TRIED = "fresh", "tried"
"""Where an errand waits, by whether it was ever attempted; /stat/http-queue counts them apart."""


def get(uuid: str) -> Errand:
    """One errand, strongly consistent. Raises NotFound."""
    try:
        return to_errand(ErrandItem.get(key(uuid), consistent_read=True))
    except DoesNotExist as trouble:
        raise NotFound(f"There is no errand {uuid}") from trouble


def due(now: dt.datetime, limit: int) -> list[str]:
    """The uuids of errands to be attempted by now, those that failed before last."""
    found: list[str] = []
    for where in (FRESH, TRIED):
        index = ErrandItem.due_index.query(key(where), ErrandItem.due_at <= now, limit=limit - len(found))
        found += [bare(item.errand) for item in index] if len(found) < limit else []
    return found


def backlog() -> int:
    """How many errands were never attempted."""
    return int(ErrandItem.due_index.count(key(FRESH)))


def length() -> int:
    """How many errands there are."""
    return backlog() + int(ErrandItem.due_index.count(key(TRIED)))


def add(errands: Sequence[Errand]) -> None:
    """Keep errands."""
    with ErrandItem.batch_write() as batch:
        for errand in errands:
            batch.save(to_item(errand))


def add_within(transaction: TransactWrite, errands: Sequence[Errand]) -> None:
    """Keep errands if all else in a transaction is written, and not otherwise."""
    for errand in errands:
        transaction.save(to_item(errand))


def drop_within(transaction: TransactWrite, errands: Sequence[Errand]) -> None:
    """Forget errands if all else in a transaction is written, and not otherwise."""
    for errand in errands:
        transaction.delete(ErrandItem(key(errand.uuid)))


def claim(errand: Errand, now: dt.datetime) -> Errand:
    """Take an errand for an attempt. Raises Conflict when somebody else did."""
    begun = errand.begun(now)
    actions: list[Action] = [
        ErrandItem.attempts.set(begun.attempts),
        ErrandItem.due.set(key(TRIED)),
        ErrandItem.due_at.set(begun.next_attempt),
    ]
    taken = Conflict(f"Errand {errand.uuid} was taken by somebody else")
    with lost_means(taken):
        ErrandItem(key(errand.uuid)).update(actions, condition=ErrandItem.attempts == errand.attempts)
    return begun


def explain(errand: Errand, error: str) -> None:
    """Note why an attempt failed; the next one is due anyway."""
    with lost_means(Conflict(f"Errand {errand.uuid} is over")):
        ErrandItem(key(errand.uuid)).update(
            [ErrandItem.error.set(error)], condition=ErrandItem.errand.exists()
        )


def delete(errands: Sequence[Errand]) -> None:
    """Forget errands."""
    with ErrandItem.batch_write() as batch:
        for errand in errands:
            batch.delete(ErrandItem(key(errand.uuid)))


def to_item(errand: Errand) -> ErrandItem:
    return ErrandItem(
        key(errand.uuid),
        method=errand.method,
        host=errand.host,
        path=errand.path,
        args=dict(errand.args),
        bind=errand.bind,
        added=errand.added,
        attempts=errand.attempts,
        error=errand.error,
        due=key(TRIED if errand.attempts else FRESH),
        due_at=errand.next_attempt,
        expires=math.ceil((errand.added + KEEP * 2).timestamp()),
    )


def to_errand(item: Any) -> Errand:
    return Errand(
        uuid=bare(item.errand),
        method=item.method,
        host=item.host,
        path=item.path,
        args=item.args,
        added=item.added,
        next_attempt=item.due_at,
        bind=item.bind,
        attempts=int(item.attempts),
        error=item.error,
    )
