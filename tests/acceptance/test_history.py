"""The histories of many nodes in trouble, judged by rules of their own (``history/judge.py``).

    HISTORY_SEEDS=20 HISTORY_NODES=20 HISTORY_TASKS=200 pytest tests/acceptance/test_history.py

What a seed breaks, it breaks again: the failure names it.
"""

import os
from collections import Counter

import pytest

from tests.acceptance.history import faults
from tests.acceptance.history.judge import Case, violations
from tests.acceptance.history.simulation import History, Scale, simulate

SEEDS = int(os.environ.get("HISTORY_SEEDS", "4"))
FIRST_SEED = int(os.environ.get("HISTORY_FIRST_SEED", "1"))
SCALE = Scale(int(os.environ.get("HISTORY_NODES", "4")), int(os.environ.get("HISTORY_TASKS", "10")))
CROWD = Scale(nodes=2, tasks=30, posting=5 * 60, trouble=15 * 60)
"""So much at a time that planners meet."""
TRIES = 15
"""Seeds in which a planted mistake has to be found."""

GUARDED = {
    "Transact Update timeline": "nobody else booked the time meanwhile",
    "Transact Update tasks": "nobody else placed a run of the task meanwhile",
    "PutItem Put runs": "nobody else changed the run meanwhile",
}
"""Conditions that nothing else stands in for, and what each of them says."""


def states(history: History) -> Counter[str]:
    """How many runs, at all nodes, ended how."""
    lives = Case(history).lives.values()
    return Counter("forgotten" if life.gone else life.state for life in lives)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_nothing_is_lost_done_twice_or_left_unsaid_whatever_goes_wrong(seed: int) -> None:
    history = simulate(seed, SCALE)

    assert violations(history) == []
    assert states(history)["finished"] > SCALE.nodes
    assert states(history)["missed"] > 0


def test_without_trouble_every_run_that_has_time_is_performed() -> None:
    history = simulate(FIRST_SEED, SCALE, faults.NONE)

    assert violations(history) == []
    assert len(history.posted) == SCALE.nodes * SCALE.tasks
    assert set(states(history)) <= {"finished", "failed", "nonstart", "preempted", "canceled", "forgotten"}


def test_a_seed_gives_the_same_history_again() -> None:
    small = Scale(nodes=3, tasks=4)

    assert simulate(5, small) == simulate(5, small)


@pytest.mark.slow
@pytest.mark.parametrize("condition", GUARDED)
def test_a_condition_that_is_left_out_is_found_out(condition: str) -> None:
    found = (violations(simulate(seed, CROWD, without=condition)) for seed in range(TRIES))

    assert any(found), f"{TRIES} histories without the condition that {GUARDED[condition]} look right"
