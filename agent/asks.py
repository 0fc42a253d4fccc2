"""Questions that the coordinator asks of the host, answered while somebody waits."""

import datetime as dt
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from agent.coordinator_client import Client
from agent.failures import Unanswered
from chalicelib.domain.errors import Invalid, PSchedulerError
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import parse_timestamp
from chalicelib.host import path_mtu
from chalicelib.infrastructure.machine import Machine

LOG = logging.getLogger(__name__)
AT_A_TIME = 4
MOST = 50
"""Questions that may wait; the others are left unanswered."""


class Asks:
    """The questions under way; each is answered once."""

    def __init__(self, client: Client):
        self._client = client
        self._workers = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="ask")
        self._under_way: set[str] = set()

    def take(self, asks: Iterable[JSON], now: dt.datetime) -> None:
        """Begin to answer what is asked, unless nobody listens any more."""
        for ask in asks:
            name = str(ask.get("id"))
            if name in self._under_way or len(self._under_way) >= MOST or _until(ask) <= now:
                continue
            self._under_way.add(name)
            self._workers.submit(self._answer, name, ask)

    def _answer(self, name: str, ask: JSON) -> None:
        try:
            self._client.answers(name, answer(str(ask.get("what")), ask.get("argument")))
        except Unanswered as error:
            LOG.info("An answer is not told: %s", error)
        except Exception:
            LOG.exception("A question could not be answered")
        finally:
            self._under_way.discard(name)


def _until(ask: JSON) -> dt.datetime:
    try:
        return parse_timestamp(str(ask.get("until")))
    except Invalid:
        return dt.datetime.max.replace(tzinfo=dt.timezone.utc)


def answer(what: str, argument: JSON) -> JSON:
    """What this host says to a question; ``{"error": sentence}`` where it cannot be answered."""
    try:
        if what == "clock":
            return Machine().clock_state()
        if what == "mtu-safe":
            safe, why = path_mtu.verdict(str(argument), limit=4.0)
            return {"safe": safe, "message": why}
    except PSchedulerError as error:
        return {"error": error.message}
    return {"error": f"This agent does not know the question {what}"}
