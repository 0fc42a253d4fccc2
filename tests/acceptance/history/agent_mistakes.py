"""Mistakes in the agent, by what they come to: what is replaced, and by what.

Each takes away one thing that the agent sees to: a guard, a note, or the order in which it writes.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from agent.client import Unanswered
from agent.runs import Runs
from agent.spool import Spool, deliver
from agent.state import OFFERED, OVER, STARTED, TAKEN, Held, Result, State
from agent.work import Work
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp

_begin, _offer, _claimed = State.begin, State.offer, Runs._claimed


def _offered_as_taken(state: State, assignment: Assignment, document: JSON, stage: str = OFFERED) -> None:
    _offer(state, assignment, document, TAKEN)


def _all_taken(runs: Runs, answer: JSON, offered: Sequence[Held], refused: Sequence[Held]) -> None:
    _claimed(runs, {"taken": [each.run for each in offered]}, offered, refused)


def _begun_in_memory(state: Any, run: str) -> bool:
    begun = state.__dict__.setdefault("begun", set())
    is_new = run not in begun
    begun.add(run)
    return is_new


def _begun_without_room(state: State, run: str) -> bool:
    try:
        return _begin(state, run)
    except StorageFull:
        return _begun_in_memory(state, run)


def _begun_again(runs: Runs, now: object) -> None:
    for each in runs._state.held(STARTED):
        runs._state._write("UPDATE runs SET stage = ? WHERE run = ?", TAKEN, each.run)


def _sent_once(*told: Any) -> None:
    try:
        deliver(*told)
    except Unanswered:
        return


def _over_before_it_is_kept(state: State, result: Result) -> None:
    if result.final:
        state._write("UPDATE runs SET stage = ?, assignment = NULL WHERE run = ?", OVER, result.run)
    _insert(state, result)
    if not result.final:
        state.came_to(result)


def _kept_before_it_is_over(state: State, result: Result) -> None:
    _insert(state, result)
    if result.final:
        state._write("UPDATE runs SET stage = ?, assignment = NULL WHERE run = ?", OVER, result.run)
    else:
        state.came_to(result)


def _kept_and_not_counted(state: State, result: Result) -> None:
    if result.final:
        _over_before_it_is_kept(state, result)
    else:
        _insert(state, result)


def _insert(state: State, result: Result) -> None:
    state._write(
        "INSERT INTO results (run, task, number, at, final, local) VALUES (?, ?, ?, ?, ?, ?)",
        *(result.run, result.task, result.number, format_timestamp(result.at), result.final),
        zlib.compress(json.dumps(result.local).encode()),
    )


def _sent_and_its_run_kept(state: State, result: Result) -> None:
    state._write("DELETE FROM results WHERE id = ?", result.id)


def _refused_and_forgotten(state: State, run: str, code: str, message: str) -> None:
    state.forget(run)


def _abandoned_at_work(work: Work) -> None:
    work._reported = True


def _abandoned_and_reported(work: Work) -> None:
    work._machine.cancel()


def _not_noted(spool: Spool) -> None:
    spool._unnoted.clear()


def _nothing(*_: object) -> None:
    """What is never done."""


def _given(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


MISTAKES: dict[str, tuple[str, Any]] = {
    "a run is begun that was not claimed": ("agent.state.State.offer", _offered_as_taken),
    "a run is begun that another instance has": ("agent.runs.Runs._claimed", _all_taken),
    "that a run is begun is noted in memory alone": ("agent.state.State.begin", _begun_in_memory),
    "a run is begun though there is no room to note it": ("agent.state.State.begin", _begun_without_room),
    "what was begun before a restart is not told of": ("agent.runs.Runs.resume", _nothing),
    "what was begun before a restart is begun again": ("agent.runs.Runs.resume", _begun_again),
    "what streams is carried on from its start": ("agent.runs._since", lambda held, now: held.start),
    "how many results there were is not noted": ("agent.state.State.add", _kept_and_not_counted),
    "a result that is not acknowledged is forgotten": ("agent.spool.deliver", _sent_once),
    "results are kept in memory alone": ("agent.spool.Spool._stored", _given(False)),
    "results for which there is no room on disk are dropped": ("agent.spool.Spool._remember", _nothing),
    "that a result was sent from memory is not noted": ("agent.spool.Spool._note", _not_noted),
    "a run is over before its result is kept": ("agent.state.State.add", _over_before_it_is_kept),
    "a result is kept before its run is over": ("agent.state.State.add", _kept_before_it_is_over),
    "a run that was reported is held for ever": ("agent.state.State.sent", _sent_and_its_run_kept),
    "a refusal is forgotten before it is told": ("agent.state.State.refuse", _refused_and_forgotten),
    "a clock that is off starts runs": ("agent.runs.Runs._clock_objection", _nothing),
    "what is too late is begun": ("agent.runs._too_late", _nothing),
    "the owner is not asked": ("agent.policy.Policy.refusal", _nothing),
    "cancelling reaches nothing": ("agent.runs.Runs.cancel", _nothing),
    "a tool at work does not hear that its run is cancelled": ("agent.work.Work.abandon", _abandoned_at_work),
    "what was cancelled is reported": ("agent.work.Work.abandon", _abandoned_and_reported),
    "nobody asks whether a run goes ahead": ("agent.work.Announce.goes_ahead", _given(True)),
    "what takes too long is not ended": ("agent.work.Work.look", _nothing),
}
