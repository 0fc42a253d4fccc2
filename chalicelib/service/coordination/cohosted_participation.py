"""Taking part with nodes of one deployment: what one would ask the others is read from their tables."""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence

from chalicelib.domain.errors import NotFound, PeerForgot
from chalicelib.domain.names import RunId
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import truncate
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.coordination import cohosted
from chalicelib.service.coordination.participation_base import Known, Participation
from chalicelib.service.node import cohosted_nodes
from chalicelib.service.node.node_directory import of_participant
from chalicelib.service.peers.peer_client import Deadline, Outcome
from chalicelib.service.scheduling.cancellation import RUNS_AT_ONCE
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.store import run_table
from chalicelib.store.transactions.booking import New


class CoHosted(Participation):
    """All participants are nodes of this deployment."""

    @classmethod
    def offers(
        cls, known: Known, others: Sequence[str], document: Mapping[str, JSON], deadline: Deadline
    ) -> list[list[Offer]]:
        found = [of_participant(name) for name in others]
        return [known.own, *(known.of(each.node) if each else [] for each in found)]

    @classmethod
    def require_bookable(cls, duration: dt.timedelta, participants: int) -> None:
        super().require_bookable(duration, participants)
        cohosted.require_bookable(duration, participants)

    def take_in(self, now: dt.datetime, new: New, deadline: Deadline) -> Placed:
        return cohosted.place_first(self.task, now, new)

    def place_at(self, start: dt.datetime, now: dt.datetime, run: RunId | None = None) -> Run:
        return cohosted.place_at(self.task, truncate(start), now, run).runs[0]

    def place_next(self, now: dt.datetime) -> Placed:
        return cohosted.place_next(self.task, now)

    def cancel(self, now: dt.datetime, at_once: int = RUNS_AT_ONCE) -> None:
        cohosted.cancel(self.task, now, at_once=at_once)

    def local_results(self, run: Run, missing: Collection[int], deadline: Deadline) -> dict[int, Outcome]:
        return {number: self._as_answered(run, number) for number in missing}

    def _as_answered(self, run: Run, number: int) -> Outcome:
        """The run of another participant, as it would have answered."""
        host = self.task.participants[number]
        try:
            theirs = run_table.get(cohosted_nodes.node_of(self.task, number), self.task.uuid, run.uuid)
        except NotFound as error:
            return PeerForgot(host, error.message, 404)
        shown = {"state": theirs.state.value, "result": theirs.documents.result}
        return Reply(host, 200, json.dumps(shown))

    def clocks(self, own: JSON, machine: Machine) -> dict[int, JSON]:
        nodes = {number: cohosted_nodes.node_of(self.task, number) for number in self.task.others}
        return {number: cohosted_nodes.clock_of(node, machine) for number, node in nodes.items()}

    def has_patience(self) -> bool:
        found = map(of_participant, self.task.others.values())
        return any(each is not None and each.runs_at_agent for each in found)
