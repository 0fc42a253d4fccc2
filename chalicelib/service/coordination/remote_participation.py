"""Taking part with nodes elsewhere: each has to be asked, and may not answer."""

import datetime as dt
import logging
from collections.abc import Collection, Mapping, Sequence

from chalicelib.domain import result_size
from chalicelib.domain.errors import Conflict, NotFound, Refused
from chalicelib.domain.names import RunId
from chalicelib.domain.outbox_request import withdrawal
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import truncate
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.coordination import invitation, planner
from chalicelib.service.coordination.agreement import Agreement
from chalicelib.service.coordination.participation_base import Known, Leave, Participation
from chalicelib.service.peers import outbox
from chalicelib.service.peers.peer_client import Deadline, Outcome, PeerGroup
from chalicelib.service.scheduling import cancellation
from chalicelib.service.scheduling.cancellation import RUNS_AT_ONCE
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store.transactions.booking import New

LOG = logging.getLogger(__name__)

SECONDS_TO_AGREE = 25.0
"""Seconds a run that a client asks for may take to be agreed on, the client waiting."""
CLOCKS = 5.0
"""Seconds in which the clocks of all others are collected."""
MARGIN = 0.5
"""Seconds a participant that is asked to wait has beyond that to answer."""


class Remote(Participation):
    """Some participants are nodes elsewhere."""

    have_to_agree = True

    @classmethod
    def offers(
        cls, known: Known, others: Sequence[str], document: Mapping[str, JSON], deadline: Deadline
    ) -> list[list[Offer]]:
        bind = document.get("lead-bind")
        return [known.own, *invitation.offers(others, document["test"], bind, deadline)]

    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        ours = invitation.invite(self.task, now, deadline, new.idempotency_record)
        try:
            return Placed(planner.plan_first(ours, now, deadline))
        except (Conflict, NotFound) as error:  # it took so long that somebody else plans it, or cancelled it
            LOG.info("Task %s is not to be planned any more: %s", ours.uuid, error)
            return Placed(ours)
        except Exception:  # the task is taken in: what is wrong with its first run is for the planner
            LOG.exception("The first run of task %s is left to the planner", ours.uuid)
            return Placed(ours)

    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        peer_group = PeerGroup(self.task, Deadline(SECONDS_TO_AGREE))
        return Agreement(peer_group, truncate(start), now, run).reach().runs[0]

    def place_next(self, now: dt.datetime) -> Placed:
        planner.delegate(self.task, now)
        return Placed(self.task)

    def fill(self, now: dt.datetime, deadline: Deadline, leave: Leave | None = None) -> None:
        if leave:
            leave(self.task)
        else:
            self.place_next(now)

    def cancel(self, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
        cancellation.cancel_task(self.task, now, at_once=at_once, tell=self.task.others.values())

    def withdraw(self, run: Run, now: dt.datetime) -> None:
        hosts = self.task.others.values()
        outbox.begin([withdrawal(self.task, host, now, run.uuid) for host in hosts])

    def local_results(self, run: Run, missing: Collection[int], deadline: Deadline) -> dict[int, Outcome]:
        peer_group, wait = PeerGroup(self.task, deadline), int(deadline.left)
        args = {"wait-local": "True", "wait": str(wait)}
        return peer_group.send(
            {
                number: peer_group.call(number, "GET", f"/runs/{run.uuid}", args=args, timeout=wait + MARGIN)
                for number in missing
            }
        )

    def clocks(self, own: JSON, machine: Machine) -> dict[int, JSON]:
        asked = PeerGroup(self.task, Deadline(CLOCKS)).ask("GET", path="/clock")
        return {number: _clock(outcome) for number, outcome in asked.items()}


def _clock(outcome: Outcome) -> JSON:
    try:
        if isinstance(outcome, Reply):
            clock = outcome.json()
            refusal = result_size.refusal(clock)
            return {"error": f"{outcome.host}: what it says of its clock {refusal}"} if refusal else clock
    except Refused as error:
        return {"error": error.message}
    return {"error": outcome.status if isinstance(outcome, Refused) else outcome.message}
