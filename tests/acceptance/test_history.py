"""The histories of many nodes in trouble, judged by rules of their own (``history/judge.py``).

    HISTORY_SEEDS=20 HISTORY_NODES=20 HISTORY_TASKS=200 pytest tests/acceptance/test_history.py

What a seed breaks, it breaks again: the failure names it. With HISTORY_SOAK=1 all mistakes are planted.
"""

import dataclasses
import os
import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from chalice.local import LocalChalice

from chalicelib.domain.names import RunId
from chalicelib.store import run_table
from tests.acceptance.history import agent_mistakes, faults, profiles
from tests.acceptance.history.case import Case
from tests.acceptance.history.judge import violations
from tests.acceptance.history.profiles import Profile
from tests.acceptance.history.simulation import History, Scale, simulate
from tests.acceptance.history.world import World, standing_in

SEEDS = int(os.environ.get("HISTORY_SEEDS", "2"))
FIRST_SEED = int(os.environ.get("HISTORY_FIRST_SEED", "1"))
SCALE = Scale(int(os.environ.get("HISTORY_NODES", "4")), int(os.environ.get("HISTORY_TASKS", "10")))
CROWD = Scale(nodes=2, tasks=30, posting=5 * 60, error=15 * 60)
ALONE = Scale(nodes=1, tasks=60, posting=2 * 60, error=15 * 60)
"""So much at a time that planners meet, of several nodes and of one."""
PLAYED = {"alone": ALONE, "crowd": CROWD, "usual": SCALE}
"""What is played in turn to find a mistake."""
AGENTS = dataclasses.replace(SCALE, cohosted=True, agents=SCALE.nodes - 1)
"""One deployment of nodes all but one of which have their tools at agents."""
TRIES = 10
"""Seeds in which a planted mistake has to be found."""
SOAK = bool(os.environ.get("HISTORY_SOAK"))

GUARDED = {
    "Transact Update timeline": "nobody else booked the time meanwhile",
    "PutItem Put runs": "nobody else changed the run meanwhile",
    "UpdateItem Update tasks": "a task that is to be planned later was not cancelled meanwhile",
    "PutItem Put deliveries": "nobody else attempts the delivery",
    "PutItem Put node": "nobody else plans the shard",
    "Transact Update tasks": "nobody else placed a run of the task meanwhile, or cancelled it",
    "Transact Put runs": "a run that is asked for twice is there once",
    "Transact Put tasks": "a task that is posted twice is there once",
    "Transact Delete runs": "a run that is taken back did not come to its end meanwhile",
    "DeleteItem Delete runs": "a run that is forgotten did not begin meanwhile",
    "UpdateItem Update outbox": "an outbox request that is explained is still to be done",
}
"""The conditions of writes, and what each of them says.

Not among them, since no history of an hour gets so far: that a task which is forgotten after two days was
not given a run in that instant, that a shard's lease is given back by nobody who outlived it, and that time
given back twice stays so, which tests/store/test_booking.py sees to.
"""

MISTAKES: dict[str, tuple[str, Any]] = {
    "a run is booked whatever is in its way": ("domain.conflicts.blocker", lambda *_: None),
    "a run starts whatever took its place": ("service.execution.runner.preempter", lambda *_: None),
    "a cancelled task is cancelled here alone": (
        "service.scheduling.cancellation._withdrawals",
        lambda *_: [],
    ),
    "what is undone stays at the others": ("service.coordination.agreement.outbox.begin", lambda _: None),
    "the reaper undoes it here alone": (
        "service.coordination.remote_participation.Remote.withdraw",
        lambda *_: None,
    ),
    "nobody is told that all agreed": ("service.coordination.agreement.Agreement._tell", lambda *_: None),
    "a run that others know of is published first": (
        "service.coordination.agreement.Agreement._book_elsewhere",
        lambda _: None,
    ),
    "nobody notes what was sent": ("store.dispatch_marks.move", lambda *_: None),
    "runs that were placed and not counted are left so": (
        "service.scheduling.placement._uncounted",
        lambda _: [],
    ),
    "whoever places runs again places others": (
        "service.scheduling.placement.id_at",
        lambda *_: RunId(str(uuid.uuid4())),
    ),
    "nobody gives up what waits too long": ("service.execution.reaper.give_up", lambda *_: None),
    "an outbox request is done however it was answered": (
        "domain.outbox_request.OutboxRequest.is_done",
        lambda *_: True,
    ),
    "what its runner left is carried on by nobody": ("domain.run.Run.is_abandoned", lambda *_: False),
    "a runner at work does not say so": ("service.execution.supervisor._held", lambda _, run, __: run),
    "an attempt that never reports is not made again": ("domain.delivery.ATTEMPT_TIMEOUT", timedelta(days=1)),
    "what was given up is forgotten": (
        "service.execution.reaper.results.give_up",
        lambda _, run, *__: run_table.delete(run),
    ),
}
"""Mistakes in the product by what they come to: what is replaced under ``chalicelib``, and by what."""

SHOWN_BY: dict[str, Profile] = {
    "UpdateItem Update tasks": profiles.MEETING,
    "Transact Update tasks": profiles.MEETING,
    "Transact Put tasks": profiles.MEETING,
    "DeleteItem Delete runs": profiles.CANCELLED_AT_START,
    "UpdateItem Update outbox": profiles.MEETING,
    "Transact Delete runs": profiles.UNANSWERED,
    "a cancelled task is cancelled here alone": profiles.MEETING,
    "what is undone stays at the others": profiles.CUT_SHORT,
    "the reaper undoes it here alone": profiles.CUT_SHORT,
    "an outbox request is done however it was answered": profiles.CUT_SHORT,
}
"""What is played to find those of both that histories of everything show in few seeds, if any."""

AGENTS_GUARDED: dict[str, tuple[str, Profile]] = {
    "UpdateItem Update runs": ("a run is taken by one instance of an agent", profiles.RUNG),
    "PutItem Put runs": (
        "a run that was over is not begun, nor its result stored over another",
        profiles.CROWDED,
    ),
    "Transact Put runs": (
        "a streamed result that is handed over again is there once",
        profiles.RESTARTED_STREAMS,
    ),
}
AGENTS_MISTAKES: dict[str, tuple[str, Any, Profile]] = {
    "a streamed result that is handed over again is another": (
        "service.agents.reports.streamed",
        lambda *_: RunId(str(uuid.uuid4())),
        profiles.RESTARTED_STREAMS,
    ),
    "a result that is acknowledged is not kept": (
        "service.agents.reports._conclude",
        lambda *_: "result",
        profiles.EVERYDAY,
    ),
    "a run is an agent's before that is stored": (
        "store.run_table.take",
        lambda run, _: run,
        profiles.EVERYDAY,
    ),
}
"""The same of nodes whose tools are at agents, and what is played to find it; ``agent_mistakes.py`` has those
of the agents themselves."""


def some(known: Mapping[str, Any], most: int) -> list[str]:
    """The first few, and with HISTORY_SOAK all."""
    return list(known)[: None if SOAK else most]


def found_out(planted: str, without: str | None = None) -> bool:
    """Whether some history breaks a rule."""
    if profile := SHOWN_BY.get(planted):
        return any(wrong_in(profile, seed, without) for seed in range(profiles.SEEDS))
    plays = ((scale, seed) for seed in range(TRIES) for scale in PLAYED.values())
    return any(violations(simulate(seed, scale, without=without)) for scale, seed in plays)


def wrong_in(profile: Profile, seed: int, without: str | None = None) -> list[str]:
    """What breaks a rule in a history of a profile."""
    return violations(simulate(seed, profile.scale, profile.faults, without))


def states(history: History) -> Counter[str]:
    """How many runs, at all nodes, ended how."""
    lives = Case(history).lives.values()
    return Counter(life.state if life.is_kept else "forgotten" for life in lives)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_nothing_is_lost_done_twice_or_left_unsaid_whatever_goes_wrong(seed: int) -> None:
    history = simulate(seed, SCALE)

    assert violations(history) == []
    assert states(history)["finished"] > SCALE.nodes
    assert states(history)["missed"] > 0


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + max(1, SEEDS - 1)))
def test_nodes_of_one_deployment_keep_the_same_rules(seed: int) -> None:
    history = simulate(seed, dataclasses.replace(SCALE, cohosted=True))

    assert violations(history) == []
    assert states(history)["finished"] > SCALE.nodes


@pytest.mark.slow(25)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + max(1, SEEDS - 1)))
def test_nodes_whose_tools_are_at_agents_keep_the_same_rules(seed: int) -> None:
    history = simulate(seed, AGENTS)

    assert violations(history) == []
    assert states(history)["finished"] > SCALE.nodes
    assert {told.kept for told in history.agents.acknowledged} >= {"result", "known"}


def test_without_trouble_every_run_that_has_time_is_performed() -> None:
    scale = SCALE if SOAK else Scale(nodes=3, tasks=6)

    history = simulate(FIRST_SEED, scale, faults.NONE)

    assert violations(history) == []
    assert len(history.posted) == scale.nodes * scale.tasks
    assert set(states(history)) <= {"finished", "failed", "nonstart", "preempted", "canceled", "forgotten"}


def test_requests_at_the_same_time_are_not_taken_for_each_other() -> None:
    world, app, seen = World(1), LocalChalice("app"), []

    def handle(asked: Any) -> None:
        app.current_request = asked
        world.sleep(1)
        seen.append((asked, app.current_request))

    with standing_in(world):
        for asked in ("one", "other"):
            world.start(lambda asked=asked: handle(asked), "node", None)  # type: ignore[misc]
        world.run_until(5)

    assert seen == [("one", "one"), ("other", "other")]


def test_a_seed_gives_the_same_history_again() -> None:
    small = Scale(nodes=2, tasks=4)

    assert simulate(5, small) == simulate(5, small)


@pytest.mark.slow
@pytest.mark.parametrize("condition", some(GUARDED, most=3))
def test_a_condition_that_is_left_out_is_found_out(condition: str) -> None:
    assert found_out(condition, without=condition), f"It is no longer seen to that {GUARDED[condition]}"


@pytest.mark.slow
@pytest.mark.parametrize("mistake", some(MISTAKES, most=3))
def test_a_mistake_is_found_out(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, instead = MISTAKES[mistake]
    monkeypatch.setattr(f"chalicelib.{where}", instead)

    assert found_out(mistake)


@pytest.mark.slow(25)
@pytest.mark.parametrize("condition", some(AGENTS_GUARDED, most=1))
def test_a_condition_that_is_left_out_is_found_out_at_agents(condition: str) -> None:
    says, profile = AGENTS_GUARDED[condition]

    found = any(wrong_in(profile, seed, without=condition) for seed in range(profiles.SEEDS))

    assert found, f"It is no longer seen to that {says}"


@pytest.mark.slow(25)
@pytest.mark.parametrize("mistake", some(AGENTS_MISTAKES, most=1))
def test_a_mistake_is_found_out_at_agents(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, instead, profile = AGENTS_MISTAKES[mistake]
    monkeypatch.setattr(f"chalicelib.{where}", instead)

    assert any(wrong_in(profile, seed) for seed in range(profiles.SEEDS))


@pytest.mark.slow(25)
@pytest.mark.parametrize("mistake", some(agent_mistakes.MISTAKES, most=2))
def test_a_mistake_of_an_agent_is_found_out(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = agent_mistakes.MISTAKES[mistake]
    monkeypatch.setattr(f"agent.{planted.where}", planted.instead)

    assert any(wrong_in(planted.profile, seed) for seed in range(planted.seeds))


@pytest.mark.slow
@pytest.mark.parametrize("profile", some(profiles.ALL, most=2))
def test_no_mistake_is_found_in_a_profile_where_none_was_planted(profile: str) -> None:
    seeds = range(profiles.SEEDS if SOAK else 1)

    found = {seed: wrong_in(profiles.ALL[profile], seed) for seed in seeds}

    assert not any(found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("scale", some(PLAYED, most=1))
def test_no_mistake_is_found_where_none_was_planted(scale: str) -> None:
    found = {seed: violations(simulate(seed, PLAYED[scale])) for seed in range(TRIES if SOAK else 1)}

    assert not any(found.values()), found
