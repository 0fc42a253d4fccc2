"""Running outbox requests: requests to other nodes, made at once, and again until they have been heard."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Sequence

from chalicelib.domain.errors import Conflict, NotFound, PeerError
from chalicelib.domain.messages import AttemptOutboxRequest
from chalicelib.domain.names import NodeName
from chalicelib.domain.outbox_request import OutboxRequest
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.peer_http import Call, network
from chalicelib.store import outbox_table as store
from chalicelib.store import shards

LOG = logging.getLogger(__name__)
SECONDS_PER_REQUEST = 5.0
"""Seconds an attempt may take (docs/contract/scheduler.md section 1)."""
REQUESTS_PER_SHARD = 500


def announce(node: NodeName, outbox_requests: Sequence[str]) -> None:
    """Have outbox requests attempted now. Announcing one twice does no harm: it is taken once."""
    messages = [(AttemptOutboxRequest(node, uuid), dt.timedelta(0)) for uuid in outbox_requests]
    queues.send_many(queues.PEERS, messages)


def begin(outbox_requests: Sequence[OutboxRequest]) -> None:
    """Keep outbox requests, and make their first attempts now."""
    store.add(outbox_requests)
    for node in dict.fromkeys(outbox_request.node for outbox_request in outbox_requests):
        announce(node, [each.uuid for each in outbox_requests if each.node == node])


def hurry(outbox_requests: Sequence[OutboxRequest], now: dt.datetime) -> None:
    """Make the first attempts of outbox requests kept for later now."""
    begin([dataclasses.replace(outbox_request, next_attempt=now) for outbox_request in outbox_requests])


def tick(now: dt.datetime) -> int:
    """Announce the outbox requests that are due, and tell how many they were."""
    due = [each for shard in shards.every() for each in store.due(shard, now, REQUESTS_PER_SHARD)]
    queues.send_many(queues.PEERS, [(AttemptOutboxRequest(*each), dt.timedelta(0)) for each in due])
    return len(due)


def attempt(node: NodeName, uuid: str, now: dt.datetime) -> None:
    """Make the request of an outbox request that is due, and forget it once it was heard."""
    try:
        outbox_request = store.get(node, uuid)
        if outbox_request.is_hopeless(now):
            store.delete([outbox_request])
        elif outbox_request.next_attempt <= now:
            _attempt(store.claim(outbox_request, now), now)
    except (NotFound, Conflict) as error:
        LOG.info("No outbox request to run: %s", error)


def _attempt(outbox_request: OutboxRequest, now: dt.datetime) -> None:
    call = Call(
        outbox_request.method,
        outbox_request.host,
        outbox_request.path,
        outbox_request.args,
        None,
        SECONDS_PER_REQUEST,
        outbox_request.bind,
    )
    (answer,) = network().ask([call])
    if isinstance(answer, PeerError):
        store.explain(outbox_request, answer.message)
    elif outbox_request.is_done(answer.status, now):
        store.delete([outbox_request])
    else:
        store.explain(
            outbox_request, f"{outbox_request.host} answered with status {answer.status}: {answer.text[:200]}"
        )
