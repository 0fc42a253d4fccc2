"""Rules of a history for nodes whose tools are at agents: see ``judge.py``.

- A tool works on what its agent was told is its own, is allowed, and was announced, on the second, and once.
- What was begun is reported, once: each result is sent as it came until it is acknowledged, and kept then.
- What is not to be done is not begun, or stopped soon, and nothing is said of it.
- Whatever was taken is done, refused or let go, and nothing of it stays on disk.

What an agent forgets by dying while its disk is full is let pass, and nothing else (``agent_notes.py``).
"""

import math
from collections import defaultdict
from collections.abc import Iterator

from tests.acceptance.history.agent_parts import FORBIDDEN
from tests.acceptance.history.case import Case
from tests.acceptance.history.work import Performance

EARLY, LATE = 0.01, 7.0
"""Seconds by which a tool may begin before and after its start: an agent comes to a run a second after it at
the latest, has the disk note it, which takes up to four, and waits a second for its coordinator to object."""
OVERTIME = 30.0
"""Seconds after which a tool that takes too long has been ended."""
STOPPED = 5.0
"""The same of one whose agent was told that it is not to be done."""
SET_BEFORE = 60.0
"""Seconds before a tool began from which on the clock that its agent went by may have been set meanwhile."""


def _taken_before(case: Case) -> Iterator[str]:
    """An agent's tool began with nothing that the agent had not taken, as was stored before."""
    for done in _at_agents(case):
        written = case.lives[done.node, done.run].written
        if not any(item.get("holder") == done.instance and when <= done.began for when, item in written):
            yield f"the tool began run {done.run[:8]} at {done.node}, which that agent had not taken"


def _given_before(case: Case) -> Iterator[str]:
    """What an agent's disk says is its own its coordinator said so of."""
    for instance, run in sorted(case.history.agents.taken - case.history.agents.given):
        yield f"run {run[:8]} is noted as taken by {instance[:8]}, which was never told so"


def _at_agents(case: Case) -> Iterator[Performance]:
    yield from (done for done in case.history.notes.performances if done.instance)


def _held_by_one(case: Case) -> Iterator[str]:
    """A run that was taken is nobody else's ever after."""
    for life in case.lives.values():
        holders = {item["holder"] for _, item in life.written if item.get("holder")}
        if len(holders) > 1:
            yield f"{life.name} was taken by {len(holders)} instances"


def _streams(done: Performance) -> bool:
    return done.scheduling_class == "background-multi"


def _announced(case: Case) -> Iterator[str]:
    """Before a tool begins its agent has said so, or tried to: it may be told that it is not to."""
    for done in _at_agents(case):
        said = case.history.agents.announced.get((done.instance, done.run))
        if said is None or said > done.began:
            yield f"{done} began, and its agent had not announced that"


def _on_the_second(case: Case) -> Iterator[str]:
    """A tool begins at its start by the clock that its agent goes by; and begins then and ends in time by
    everybody's, if its agent knows how far its clock is off."""
    for done in _at_agents(case):
        shown = done.began + done.ahead - done.start
        if shown > LATE and not _streams(done) and not _was_set(case, done):
            yield f"{done} began {shown:+.1f} s from its start by its own clock"
        if not done.by_known_clock:
            continue
        if done.began < done.start - EARLY or (done.began > done.start + LATE and not _streams(done)):
            yield f"{done} began {done.began - done.start:+.1f} s from its start"
        if done.ended > done.end + OVERTIME and not _streams(done):
            yield f"{done} took {done.ended - done.end:.1f} s too long"


def _was_set(case: Case, done: Performance) -> bool:
    """Whether the clock may have been set between the look at it and the tool's beginning."""
    clocks = case.history.agents.clocks
    return any(who == done.instance and 0 <= done.began - when < SET_BEFORE for who, when in clocks)


def _allowed(case: Case) -> Iterator[str]:
    """What the owner of a host does not allow is not done there."""
    for done in _at_agents(case):
        if done.node in case.history.agents.forbidding and done.scheduling_class == FORBIDDEN:
            yield f"{done} was done, which the host's owner does not allow"


def _let_go(case: Case) -> Iterator[str]:
    """What its agent was told is not to be done is not begun, or stopped soon, and nothing is said of it: but
    where that was on no disk yet as the agent died."""
    notes = case.history.agents
    for done in _at_agents(case):
        told = _told(case, done.instance, done.run)
        heeded = notes.heeded.get((done.instance, done.run), math.inf)
        if done.began > min(heeded + EARLY, told + STOPPED):
            yield f"{done} began after its agent was told at {told:.1f} that it is not to be done"
        elif done.ended > told + STOPPED:
            yield f"{done} went on after its agent was told at {told:.1f} that it is not to be done"
    for result in notes.results:
        told = _told(case, result.instance, result.run)
        heeded = notes.heeded.get((result.instance, result.run), math.inf)
        if result.when > min(heeded, told + STOPPED):
            yield f"run {result.run[:8]} at {result.node} was reported after it was let go"


def _told(case: Case, instance: str, run: str) -> float:
    """When an agent was told that a run is not to be done, and had a life to remember it in."""
    notes = case.history.agents
    return math.inf if (instance, run) in notes.in_vain else notes.let_go.get((instance, run), math.inf)


def _dealt_with(case: Case) -> Iterator[str]:
    """What an agent took it has done, or refused, or was told to let go."""
    notes = case.history.agents
    done = {(each.instance, each.run) for each in _at_agents(case)}
    told = {(each.instance, each.run) for each in notes.acknowledged}
    for instance, run in sorted(notes.taken - done - told - notes.refused - set(notes.let_go)):
        yield f"run {run[:8]} was taken by {instance[:8]}, and nothing came of it"


def _reported(case: Case) -> Iterator[str]:
    """What was begun comes to a last result, whatever becomes of its agent meanwhile: but where that was told
    while the tool was at work, or was about to carry on, that it is not to be done."""
    notes = case.history.agents
    last = {(each.instance, each.run) for each in (*notes.results, *notes.acknowledged) if each.final}
    ended = {
        (done.instance, done.run): math.inf if _streams(done) else done.ended for done in _at_agents(case)
    }
    for name in sorted(ended.keys() - last):
        if name not in notes.let_go or notes.let_go[name] > ended[name]:
            yield f"run {name[1][:8]} was begun by {name[0][:8]}, which has reported nothing of it"


def _said_truly(case: Case) -> Iterator[str]:
    """What an agent said it will not do it has not begun."""
    for done in _at_agents(case):
        if (done.instance, done.run) in case.history.agents.refused:
            yield f"{done} was done by an agent that said it is not done"


def _handed_over(case: Case) -> Iterator[str]:
    """In the end what tools came to has reached the coordinator: nothing is still on its way, or lost."""
    for done in _at_agents(case):
        life = case.lives[done.node, done.run]
        if not life.is_kept or (done.instance, done.run) in case.history.agents.let_go:
            continue
        if not (life.last.get("received") or life.documents.get("late")):
            yield f"{life.name} is {life.state}, and its result was never handed over"


def _handed_over_as_it_is(case: Case) -> Iterator[str]:
    """Each result is handed over as it came: what is on disk, and what is in memory for want of room there,
    unless its agent dies before."""
    notes = case.history.agents
    acknowledged = {each.what for each in notes.acknowledged}
    for each in notes.results:
        if each.what not in acknowledged and (each.was_room or each.what not in notes.lost):
            yield f"result {each.number} of run {each.run[:8]} at {each.node} was kept and never handed over"


def _reported_once(case: Case) -> Iterator[str]:
    """A run has one last result: but where an agent died before it could note that it had handed it over."""
    last = defaultdict(set)
    for each in case.history.agents.acknowledged:
        if each.final and (each.instance, each.run) not in case.history.agents.unnoted:
            last[each.instance, each.run].add(each.what)
    for (_, run), which in last.items():
        if len(which) > 1:
            yield f"run {run[:8]} has {len(which)} last results: {sorted(which)}"


def _acknowledged(case: Case) -> Iterator[str]:
    """What was acknowledged is kept with its run, as what it was acknowledged as."""
    for told in case.history.agents.acknowledged:
        life = case.lives.get((told.node, told.run))
        if life is None:
            yield f"a result of run {told.run[:8]} was taken at {told.node}, which has no such run"
            continue
        if not told.final or told.kept == "gone" or not life.is_kept:
            continue
        late = life.documents.get("late")
        if not (late if told.kept == "late" else life.last.get("received") or late):
            yield f"{life.name} is without the result that was acknowledged as {told.kept}"


def _nothing_left(case: Case) -> Iterator[str]:
    """In the end agents know no more of what is over."""
    yield from case.history.agents.left


def _rejected_nothing(case: Case) -> Iterator[str]:
    """Agents that keep to the protocol are never told that they do not."""
    yield from case.history.agents.rejected


RULES = (
    _taken_before,
    _given_before,
    _held_by_one,
    _announced,
    _on_the_second,
    _allowed,
    _let_go,
    _dealt_with,
    _reported,
    _said_truly,
    _handed_over,
    _handed_over_as_it_is,
    _reported_once,
    _acknowledged,
    _nothing_left,
    _rejected_nothing,
)
