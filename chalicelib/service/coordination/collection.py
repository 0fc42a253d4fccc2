"""What the lead of a task asks the others once a run is over: their results, and their clocks
(docs/contract/scheduler.md section 7)."""

import dataclasses
import datetime as dt

from chalicelib.domain.agent_protocol import PATIENCE
from chalicelib.domain.errors import PeerError, Refused
from chalicelib.domain.result_size import bounded
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.coordination import participation
from chalicelib.service.node import cohosted_nodes, node_directory
from chalicelib.service.peers.peer_client import Deadline, Outcome, told
from chalicelib.store.run_items import COLLECTING

RESULTS = 15.0
"""Seconds in which the results of all others are collected."""
UNFINISHED = ("scheduling", "pending", "on-deck", "running")


@dataclasses.dataclass(frozen=True)
class Collected:
    """Local results in the order of the participants, None for one that has none; and why there is none."""

    results: list[JSON]
    errors: list[str]


def results(task: Task, run: Run, own: JSON, machine: Machine) -> Collected:
    """The local results of all participants, this node's own among them."""
    deadline = Deadline(RESULTS)
    participants = participation.of(task)
    found: dict[int, JSON] = {task.participant: own}
    why: dict[int, str] = {}
    while len(found) < len(task.participants) and deadline.left > 1:
        missing = task.others.keys() - found.keys()
        for number, outcome in participants.local_results(run, sorted(missing), deadline).items():
            _take(number, outcome, found, why)
        if len(found) < len(task.participants) and deadline.left > 1:
            machine.sleep_until(machine.now() + SECOND)
    numbers = range(len(task.participants))
    return Collected([found.get(number) for number in numbers], [why[n] for n in numbers if n in why])


def _take(number: int, outcome: Outcome, found: dict[int, JSON], why: dict[int, str]) -> None:
    """Sort in one answer. What is not there may still come, but for a refusal or a run that is over."""
    why.pop(number, None)
    document = _document(outcome)
    if isinstance(document, PeerError):
        why[number] = document.message
        if isinstance(document, Refused):
            found[number] = None
        return
    result = document.get("result")
    if result is not None:
        found[number] = bounded(result)
        return
    state = document.get("state")
    why[number] = f"{outcome.host} has no result of its own; its run is {told(state)}"
    if state not in UNFINISHED:
        found[number] = None


def _document(outcome: Outcome) -> dict[str, JSON] | PeerError:
    if isinstance(outcome, PeerError):
        return outcome
    try:
        document = outcome.json()
    except Refused as error:
        return error
    if isinstance(document, dict):
        return document
    return Refused(outcome.host, "described its run in an unexpected form", outcome.status)


def clocks(task: Task, machine: Machine) -> list[JSON]:
    """The clocks of all participants in their order; ``{"error": ...}`` of one that does not say."""
    own = cohosted_nodes.clock_of(task.node, machine)
    survey: dict[int, JSON] = {task.participant: own, **participation.of(task).clocks(own, machine)}
    return [survey[number] for number in sorted(survey)]


def awaited(task: Task, run: Run, now: dt.datetime) -> bool:
    """Whether the results of others are worth waiting for by more than a few seconds: their tools are at
    agents, which have taken the run and may be away."""
    participants = participation.of(task)
    if now >= run.end + PATIENCE or not participants.has_patience():
        return False
    told = participants.local_results(run, sorted(task.others), Deadline(RESULTS))
    return any(_is_under_way(outcome) for outcome in told.values())


def _is_under_way(outcome: Outcome) -> bool:
    document = _document(outcome)
    return (
        isinstance(document, dict) and document.get("result") is None and document.get("state") in UNFINISHED
    )


def latest(task: Task, run: Run, now: dt.datetime) -> dt.datetime | None:
    """When the results of all are merged at the latest, where that is later than usual."""
    if node_directory.runs_at_agent(task.node) or participation.of(task).has_patience():
        return max(run.end + PATIENCE, now) + COLLECTING
    return None
