"""Running errands: requests to other nodes, made at once, and again until they have been heard."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Sequence

from chalicelib.domain.errors import Conflict, NotFound, PeerTrouble
from chalicelib.domain.outbox_request import Errand
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.peer_http import Call, network
from chalicelib.store import outbox_table as store

LOG = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds an attempt may take (contract/scheduler.md section 1)."""
AT_ONCE = 500


def announce(errands: Sequence[str]) -> None:
    """Have errands attempted now. Announcing one twice does no harm: it is taken once."""
    queues.send_many(queues.PEERS, [({"errand": uuid}, dt.timedelta(0)) for uuid in errands])


def begin(errands: Sequence[Errand]) -> None:
    """Keep errands, and make their first attempts now."""
    store.add(errands)
    announce([errand.uuid for errand in errands])


def hurry(errands: Sequence[Errand], now: dt.datetime) -> None:
    """Make the first attempts of errands kept for later now."""
    begin([dataclasses.replace(errand, next_attempt=now) for errand in errands])


def tick(now: dt.datetime) -> int:
    """Announce the errands that are due, and tell how many they were."""
    due = store.due(now, AT_ONCE)
    announce(due)
    return len(due)


def attempt(uuid: str, now: dt.datetime) -> None:
    """Make the request of an errand that is due, and forget it once it was heard."""
    try:
        errand = store.get(uuid)
        if errand.is_hopeless(now):
            store.delete([errand])
        elif errand.next_attempt <= now:
            _attempt(store.claim(errand, now), now)
    except (NotFound, Conflict) as gone:
        LOG.info("No errand to run: %s", gone)


def _attempt(errand: Errand, now: dt.datetime) -> None:
    call = Call(errand.method, errand.host, errand.path, errand.args, None, PATIENCE, errand.bind)
    (answer,) = network().ask([call])
    if isinstance(answer, PeerTrouble):
        store.explain(errand, answer.message)
    elif errand.is_done(answer.status, now):
        store.delete([errand])
    else:
        store.explain(errand, f"{errand.host} answered with status {answer.status}: {answer.text[:200]}")
