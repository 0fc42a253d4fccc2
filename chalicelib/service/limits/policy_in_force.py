"""The policy in force: read again every so often, checked before it takes effect, and never lost.

A policy that cannot be read, or is wrong, changes nothing: the last good one stays in force, which the node
keeps in its table so that it outlives the process. ``/status`` says what is wrong with the new one.
"""

import dataclasses
import datetime as dt
import hashlib
import logging
import threading

from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.limits.policy_document import Policy, parse
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.service.limits import lookups, policy_source
from chalicelib.service.limits.policy_source import CLOSED, OPEN
from chalicelib.settings import settings
from chalicelib.store import node_table
from chalicelib.store.store_errors import STORE_ERRORS

LOG = logging.getLogger(__name__)

LOOK_EVERY = dt.timedelta(seconds=15)
"""How long after it was looked at a policy may have changed unnoticed (docs/contract/limits.md section 1)."""
LAST_GOOD_POLICY = "limits"
"""The name in the node's table under which the last good policy is."""


@dataclasses.dataclass(frozen=True)
class InForce:
    """What is in force; ``policy`` None where there is none, ``error`` what is wrong with a newer one."""

    policy: Policy | None = None
    since: dt.datetime | None = None
    error: str | None = None


class _Watch:
    """Keeps an eye on where one node's policy comes from."""

    def __init__(self, where: str):
        self._where = where
        self._lock = threading.Lock()
        self._looked: dt.datetime | None = None
        self._seen = ""
        self._now = InForce()

    def in_force(self, now: dt.datetime) -> InForce:
        first = self._looked is None
        if (first or abs(now - (self._looked or now)) >= LOOK_EVERY) and self._lock.acquire(blocking=first):
            try:
                if self._looked is None or abs(now - self._looked) >= LOOK_EVERY:
                    self._look(now)
                    self._looked = now
            finally:
                self._lock.release()
        return self._now

    def _look(self, now: dt.datetime) -> None:
        try:
            text = policy_source.read(self._where)
            digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
            if digest == self._seen:
                return
            document = policy_source.document(text)
            policy = parse(document, lookups.jq())
        except (Invalid, Unavailable, *STORE_ERRORS) as error:
            self._keep_the_last(str(error))
            return
        except Exception:
            LOG.exception("A policy broke the reading of it")
            self._keep_the_last("The policy cannot be read: the log says why")
            return
        self._now, self._seen = InForce(policy, now), digest
        _remember(document, digest, now)

    def _keep_the_last(self, why: str) -> None:
        """Stay with what is in force, or with what was when the process before this one ended."""
        self._seen = ""
        kept = self._now if self._now.policy is not None else _remembered()
        if kept.policy is None:
            error = f"{why}. There is no valid policy: everything is refused"
        else:
            since = f" of {format_timestamp(kept.since)}" if kept.since else ""
            error = f"{why}. The last valid policy{since} stays in force"
        if error != self._now.error:
            LOG.warning("%s: %s", self._where, error)
        self._now = dataclasses.replace(kept, error=error)


def _remember(document: JSON, digest: str, now: dt.datetime) -> None:
    """Keep a policy for the time when it cannot be read; that this fails, fails nothing else."""
    try:
        known = node_table.read(settings().node, LAST_GOOD_POLICY)
        if known is None or known["digest"] != digest:
            at = format_timestamp(now)
            node_table.write(
                settings().node, LAST_GOOD_POLICY, {"document": document, "digest": digest, "since": at}
            )
    except STORE_ERRORS:
        LOG.warning("The policy in force could not be stored", exc_info=True)


def _remembered() -> InForce:
    try:
        known = node_table.read(settings().node, LAST_GOOD_POLICY)
        if known is None:
            return InForce()
        since = dt.datetime.fromisoformat(known["since"])
        return InForce(parse(known["document"], lookups.jq()), since)
    except (Invalid, *STORE_ERRORS):
        LOG.warning("The last good policy could not be read", exc_info=True)
        return InForce()


_watches: dict[tuple[str, str], _Watch] = {}
_making = threading.Lock()


def is_configured() -> bool:
    """Whether there is a policy to be read."""
    return settings().limits not in ("", OPEN, CLOSED)


def in_force(now: dt.datetime) -> InForce:
    """The policy of this node; looked at anew when it is time."""
    known = settings()
    with _making:
        watch = _watches.setdefault((known.node, known.limits), _Watch(known.limits))
    return watch.in_force(now)


def forget() -> None:
    """Look anew on next use: for tests, and for whoever changed the environment."""
    with _making:
        _watches.clear()


def describe(now: dt.datetime) -> dict[str, JSON]:
    """As /status shows it."""
    error = in_force(now).error if is_configured() else None
    return {"ok": error is None, **({"error": error} if error else {})}
