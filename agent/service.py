"""An agent at work: contacts, the bell, the runs and their results, each in a thread of its own."""

import dataclasses
import datetime as dt
import logging
import pathlib
import threading
from collections.abc import Callable, Mapping

from agent import carriers, spool
from agent.agent_state import State
from agent.asks import Asks
from agent.clock_offset import Offset, steady
from agent.commands import Commands
from agent.contact import Contacts
from agent.coordinator_client import Client
from agent.facts_report import Facts
from agent.failures import Backoff, Later, TooOld, Unanswered, Unknown
from agent.policy import PolicyFile
from agent.spool import Spool
from agent.state_records import Identity
from agent.status import Status
from agent.taken_runs import Runs
from agent.version import VERSION
from chalicelib.domain.errors import Invalid, StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC
from chalicelib.host import facts as host_facts
from chalicelib.infrastructure.machine import Machine

LOG = logging.getLogger(__name__)
TOO_OLD_WAIT = 600.0
"""Seconds after which a coordinator is asked again that found this agent too old."""
NOT_KNOWN_WAIT = 60.0
"""The same of one that does not know it, or has suspended its node."""
STATUS_EVERY = 10.0
"""Seconds after which what ``status`` tells is written again."""
SHORTEST_EVERY, LONGEST_EVERY = 1.0, 900.0
"""Seconds between contacts, whatever the coordinator says."""


class Agent:
    """One agent on one state. ``run`` returns when ``stop`` is set."""

    def __init__(
        self,
        folder: pathlib.Path,
        state: State,
        identity: Identity,
        policy: PolicyFile,
        gather: Callable[[], JSON] = host_facts.gather,
    ):
        """``gather`` tells what the host can do."""
        self.stop = threading.Event()
        self.state, self.identity, self.policy = state, identity, policy
        self.client = Client(identity.url, identity.secret, identity.authority or None)
        self.offset = Offset()
        self.spool = Spool(state)
        self.runs = Runs(state, self.spool, self.client, policy, self.offset)
        self.runs.wanted = self._want_contact
        self._contacts = Contacts(self.client, state, self.spool, self.runs, self.offset, steady)
        self.facts = Facts(self.client, gather)
        self.status = Status(folder)
        self._asks = Asks(self.client)
        self._commands = Commands(folder, {"rotate": self._rotate, "leave": self._leave}, self._end_if_left)
        self._contact_wanted = threading.Event()
        self._carrier: JSON = None
        self._heard = 0
        self._carrier_known = threading.Condition()
        self._every = 30.0

    def run(self) -> None:
        """Work until told to stop; then end what is at work, and hand over what there is at once."""
        self.runs.resume(_now())
        works: Mapping[str, Callable[[], None]] = {
            "runs": lambda: self.runs.keep(self.stop, _now),
            "results": lambda: spool.send(
                self.spool, self.client, self.state.instance, self.stop, self._went_wrong
            ),
            "bell": self._listen,
            "facts": lambda: self.facts.watch(self.stop),
            "commands": lambda: self._commands.watch(self.stop),
        }
        threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()]
        for thread in threads:
            thread.start()
        self._keep_contact()
        self.runs.stop(_now())
        self.runs.wake()
        self.spool.wake()

    def end(self) -> None:
        """Have ``run`` return."""
        self.stop.set()
        self._contact_wanted.set()
        with self._carrier_known:
            self._carrier_known.notify_all()

    # --- Contacts

    def _keep_contact(self) -> None:
        backoff = Backoff()
        while not self.stop.is_set():
            self._contact_wanted.clear()
            try:
                self._contact()
                backoff.reset()
                wait = self._every
            except Unanswered as error:
                self._went_wrong(error)
                wait = _wait_after(error, backoff)
                self.stop.wait(min(wait, Backoff.FIRST))  # a ring does not shorten this
            except (StorageFull, Invalid) as error:
                self.status.trouble(error.message)
                LOG.error("%s", error)
                wait = backoff.wait()
            self._wait_for_next(wait)

    def _wait_for_next(self, wait: float) -> None:
        """Wait until a contact is wanted, or so many seconds, and say meanwhile how the agent is."""
        until = steady() + wait
        self._write_status()
        while not self._contact_wanted.wait(min(STATUS_EVERY, max(0.0, until - steady()))):
            self._write_status()
            if steady() >= until:
                return

    def _contact(self) -> None:
        synchronized = bool(Machine().clock_state()["synchronized"])
        answer = self._contacts.say(_now(), synchronized, self.facts.digest)
        self.status.contact(_now())
        self.runs.may_start = True
        self._every = min(LONGEST_EVERY, max(SHORTEST_EVERY, float(answer.get("every", 30))))
        self._hear_of(answer.get("carrier"), int(answer.get("bell", 0)))
        self._asks.take(answer.get("asks", ()), _now())
        if answer.get("facts-wanted"):
            self.facts.want()
        self._contacts.heed(answer)

    def _want_contact(self) -> None:
        self._contact_wanted.set()

    def _went_wrong(self, error: Unanswered) -> None:
        if isinstance(error, Unknown):
            self.runs.may_start = False
        self.status.trouble(error.message)
        LOG.warning("%s", error)

    # --- The bell

    def _hear_of(self, carrier: JSON, bell: int) -> None:
        with self._carrier_known:
            if carrier != self._carrier:
                self._carrier, self._heard = carrier, bell
            self._carrier_known.notify_all()

    def _listen(self) -> None:
        backoff, known, carrier = Backoff(), None, None
        while not self.stop.is_set():
            with self._carrier_known:
                if self._carrier is None:
                    self._carrier_known.wait(1.0)
                    continue
                if carrier is None or known != self._carrier:
                    known = self._carrier
                    carrier = carriers.carrier(known, self.client, self._heard)
            try:
                if carrier.rings(_now()):
                    self._want_contact()
                backoff.reset()
            except Unanswered as error:
                LOG.info("The bell is not heard: %s", error)
                self.stop.wait(_wait_after(error, backoff))
                self._want_contact()

    # --- What its owner asks of it

    def _rotate(self) -> str:
        identity = rotated(self.state, self.client)
        self.identity = identity
        return "The secret was rotated."

    def _leave(self) -> str:
        self.client.leave()
        self.state.forget_all()
        return f"{self.identity.hostname} has no agent any more."

    def _end_if_left(self) -> None:
        if self.state.identity() is None:
            self.end()

    def _write_status(self) -> None:
        waiting, in_memory = self.spool.waiting()
        self.status.write(
            {
                "version": VERSION,
                "node": self.identity.node,
                "hostname": self.identity.hostname,
                "coordinator": self.identity.url,
                "offset": self.offset.seconds(_now()),
                "held": len(self.runs.held()),
                "at-work": len(self.runs.at_work()),
                "waiting": waiting,
                "in-memory": in_memory,
                "lost": self.spool.lost,
                "policy": self.policy.problem,
            }
        )


def rotated(state: State, client: Client) -> Identity:
    """Change the secret; the old one is good until the new one is first used. Raises Unanswered."""
    identity = state.identity()
    assert identity is not None  # noqa: S101 - whoever has a client is somebody
    changed = dataclasses.replace(identity, secret=client.rotate())
    state.enroll(changed)
    client.use(changed.secret)
    return changed


def _wait_after(error: Unanswered, backoff: Backoff) -> float:
    if isinstance(error, TooOld):
        return TOO_OLD_WAIT
    if isinstance(error, Later):
        return backoff.wait()
    return NOT_KNOWN_WAIT


def _now() -> dt.datetime:
    return dt.datetime.now(UTC)
