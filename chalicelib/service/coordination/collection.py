"""What the lead of a task asks the others once a run is over: their results, and their clocks
(contract/scheduler.md section 7)."""

import dataclasses
import json

from chalicelib.domain.errors import NotFound, PeerError, PeerForgot, Refused
from chalicelib.domain.result_size import bounded
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Reply
from chalicelib.service.node import cohosting
from chalicelib.service.peers.client import Deadline, Outcome, PeerGroup
from chalicelib.store import run_table

RESULTS = 15.0
"""Seconds in which the results of all others are collected."""
CLOCKS = 5.0
"""Seconds in which their clocks are."""
MARGIN = 0.5
"""Seconds a participant that is asked to wait has beyond that to answer."""
UNFINISHED = ("scheduling", "pending", "on-deck", "running")


@dataclasses.dataclass(frozen=True)
class Collected:
    """Local results in the order of the participants, None for one that has none; and why there is none."""

    results: list[JSON]
    errors: list[str]


def results(task: Task, run: Run, own: JSON, machine: Machine) -> Collected:
    """The local results of all participants, this node's own among them."""
    deadline = Deadline(RESULTS)
    found: dict[int, JSON] = {task.participant: own}
    why: dict[int, str] = {}
    while len(found) < len(task.participants) and deadline.left > 1:
        for number, outcome in _ask(task, run, found, deadline).items():
            _take(number, outcome, found, why)
        if len(found) < len(task.participants) and deadline.left > 1:
            machine.sleep_until(machine.now() + SECOND)
    numbers = range(len(task.participants))
    return Collected([found.get(number) for number in numbers], [why[n] for n in numbers if n in why])


def _ask(task: Task, run: Run, found: dict[int, JSON], deadline: Deadline) -> dict[int, Outcome]:
    if cohosting.are_cohosted(task.node, task.participants):
        return {number: _at_cohosted(task, run, number) for number in task.others if number not in found}
    peer_group = PeerGroup(task, deadline)
    wait = int(deadline.left)
    args = {"wait-local": "True", "wait": str(wait)}
    return peer_group.send(
        {
            number: peer_group.call(number, "GET", f"/runs/{run.uuid}", args=args, timeout=wait + MARGIN)
            for number in task.others
            if number not in found
        }
    )


def _at_cohosted(task: Task, run: Run, number: int) -> Outcome:
    """The run of a participant that is a node of this deployment, as it would have answered."""
    host = task.participants[number]
    try:
        theirs = run_table.get(cohosting.node_of(task, number), task.uuid, run.uuid)
    except NotFound as error:
        return PeerForgot(host, error.message, 404)
    return Reply(host, 200, json.dumps({"state": theirs.state.value, "result": theirs.documents.result}))


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
    why[number] = f"{outcome.host} has no result of its own; its run is {state}"
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
    return Refused(outcome.host, "does not show its run in the usual form", outcome.status)


def clocks(task: Task, machine: Machine) -> list[JSON]:
    """The clocks of all participants in their order; ``{"error": ...}`` of one that does not say."""
    survey: dict[int, JSON] = {task.participant: machine.clock_state()}
    if cohosting.are_cohosted(task.node, task.participants):
        survey |= dict.fromkeys(task.others, survey[task.participant])
    elif task.others:
        asked = PeerGroup(task, Deadline(CLOCKS)).ask("GET", path="/clock")
        survey |= {number: _clock(outcome) for number, outcome in asked.items()}
    return [survey[number] for number in sorted(survey)]


def _clock(outcome: Outcome) -> JSON:
    try:
        if isinstance(outcome, Reply):
            return outcome.json()
    except Refused as error:
        return {"error": error.message}
    return {"error": outcome.status if isinstance(outcome, Refused) else outcome.message}
