"""Rules of a history for nodes whose tools are at agents: see ``judge.py``."""

from collections.abc import Iterator

from tests.acceptance.history.case import Case


def _taken_before(case: Case) -> Iterator[str]:
    """An agent's tool began with nothing that the agent had not taken, as was stored before."""
    for done in case.history.notes.performances:
        if done.node in case.history.at_agents:
            written = case.lives[done.node, done.run].written
            if not any(item.get("holder") and when <= done.began for when, item in written):
                yield f"the tool began run {done.run[:8]} at {done.node}, which nobody had taken"


def _held_by_one(case: Case) -> Iterator[str]:
    """A run that was taken is nobody else's ever after."""
    for life in case.lives.values():
        holders = {item["holder"] for _, item in life.written if item.get("holder")}
        if len(holders) > 1:
            yield f"{life.name} was taken by {len(holders)} instances"


def _acknowledged(case: Case) -> Iterator[str]:
    """What was acknowledged is kept with its run, as what it was acknowledged as."""
    for told in case.history.agents.acknowledged:
        life = case.lives.get((told.node, told.run))
        if life is None:
            yield f"a result of run {told.run[:8]} was taken at {told.node}, which has no such run"
            continue
        if not told.final or told.kept == "gone" or not life.is_kept or life.gone:
            continue
        late = life.documents.get("late")
        if not (late if told.kept == "late" else life.last.get("received") or late):
            yield f"{life.name} is without the result that was acknowledged as {told.kept}"


def _handed_over(case: Case) -> Iterator[str]:
    """In the end what tools came to has reached the coordinator: nothing is still on its way, or lost."""
    for done in case.history.notes.performances:
        life = case.lives[done.node, done.run]
        if done.node not in case.history.at_agents or life.gone or life.state == "canceled":
            continue
        if not (life.last.get("received") or life.documents.get("late") or life.documents.get("reason")):
            yield f"{life.name} is {life.state}, and its result was never handed over"


def _refused_nothing(case: Case) -> Iterator[str]:
    """Agents that keep to the protocol are never told that they do not."""
    yield from case.history.agents.refused


RULES = (_taken_before, _held_by_one, _acknowledged, _handed_over, _refused_nothing)
