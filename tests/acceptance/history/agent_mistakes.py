"""Mistakes in the agent, by what they come to: what is replaced, by what, and what is played to find it.

Each takes away one thing that the agent sees to: a guard, a note, or the order in which it writes.
"""

import dataclasses
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from agent.agent_state import OFFERED, OVER, STARTED, TAKEN, State
from agent.failures import Unanswered
from agent.spool import Spool, deliver
from agent.state_records import Held, Result
from agent.taken_runs import Runs
from agent.work import Work
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.errors import StorageFull
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from tests.acceptance.history import profiles
from tests.acceptance.history.profiles import Profile


@dataclasses.dataclass(frozen=True)
class Mistake:
    """``instead`` stands in the place of what is ``where`` in ``agent``: one of the first ``seeds`` of a
    profile's histories shows it."""

    where: str
    instead: Any
    profile: Profile = profiles.EVERYDAY
    seeds: int = profiles.SEEDS


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


MISTAKES: dict[str, Mistake] = {
    "a run is begun that was not claimed": Mistake("agent_state.State.offer", _offered_as_taken),
    "a run is begun that another instance has": Mistake(
        "taken_runs.Runs._claimed", _all_taken, profiles.RUNG
    ),
    "that a run is begun is noted in memory alone": Mistake(
        "agent_state.State.begin", _begun_in_memory, profiles.RESTARTED
    ),
    "a run is begun though there is no room to note it": Mistake(
        "agent_state.State.begin", _begun_without_room, profiles.FULL
    ),
    "what was begun before a restart is not told of": Mistake(
        "taken_runs.Runs.resume", _nothing, profiles.RESTARTED
    ),
    "what was begun before a restart is begun again": Mistake(
        "taken_runs.Runs.resume", _begun_again, profiles.RESTARTED
    ),
    "what streams is carried on from its start": Mistake(
        "taken_runs._since", lambda held, now: held.start, profiles.RESTARTED_STREAMS
    ),
    "how many results there were is not noted": Mistake(
        "agent_state.State.add", _kept_and_not_counted, profiles.RESTARTED_STREAMS
    ),
    "a result that is not acknowledged is forgotten": Mistake("spool.deliver", _sent_once),
    "results are kept in memory alone": Mistake("spool.Spool._stored", _given(False), profiles.RESTARTED),
    "results for which there is no room on disk are dropped": Mistake(
        "spool.Spool._remember", _nothing, profiles.FULL_STREAMS
    ),
    "that a result was sent from memory is not noted": Mistake(
        "spool.Spool._note", _not_noted, profiles.FULL_STREAMS
    ),
    "a run is over before its result is kept": Mistake(
        "agent_state.State.add", _over_before_it_is_kept, profiles.DYING
    ),
    "a result is kept before its run is over": Mistake(
        "agent_state.State.add", _kept_before_it_is_over, profiles.DYING
    ),
    "a run that was reported is held for ever": Mistake("agent_state.State.sent", _sent_and_its_run_kept),
    "a refusal is forgotten before it is told": Mistake("agent_state.State.refuse", _refused_and_forgotten),
    "a clock that is off starts runs": Mistake("objections.Objections._of_clock", _nothing, profiles.CLOCKS),
    "what is too late is begun": Mistake("objections._of_lateness", _nothing, profiles.FULL),
    "the owner is not asked": Mistake("policy.Policy.refusal", _nothing),
    "cancelling reaches nothing": Mistake("taken_runs.Runs.cancel", _nothing, profiles.CANCELLED),
    "a tool at work does not hear that its run is cancelled": Mistake(
        "work.Work.abandon", _abandoned_at_work, profiles.CANCELLED
    ),
    "what was cancelled is reported": Mistake(
        "work.Work.abandon", _abandoned_and_reported, profiles.CANCELLED
    ),
    "nobody asks whether a run goes ahead": Mistake("work.Announce.goes_ahead", _given(True)),
    "what takes too long is not ended": Mistake("work.Work.look", _nothing, profiles.OVERRUNS),
}
