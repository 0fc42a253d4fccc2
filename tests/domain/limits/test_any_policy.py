"""Any policy and any proposal: refused or ready, let in or not, and told in a moment; never anything else."""

import gc
import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import evaluation, policy_document
from chalicelib.domain.limits.limit_kinds import Proposal
from tests.chance import by_chance
from tests.domain.limits.test_cases import CASES
from tests.domain.limits.test_documented_policies import FOLDER, RTT, without_comments
from tests.domain.limits.world import IDLE, World
from tests.plugins.garbage import changed

MOST = 0.05
"""Seconds of processor time that judging may take."""
TRIES = 3
"""Of which the shortest counts: a garbage collection is nobody's fault."""
WORLDS = [case.world or World() for case in CASES]
POLICIES = [
    *(case.policy for case in CASES),
    *(without_comments(json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))),
]
TASKS = [IDLE, RTT, *(case.task for case in CASES if case.task is not IDLE)]
HINTS = [
    {"requester": "198.51.100.7"},
    *({"requester": "192.0.2.1", **case.hints} for case in CASES if case.hints),
]


def much_changed(chance: Random, values: list[Any]) -> Any:
    value = chance.choice(values)
    for _ in range(chance.randint(1, 3)):
        value = changed(chance, value)
    return value


def an_object(chance: Random, values: list[Any]) -> Any:
    """What is none is refused where it comes in."""
    while not isinstance(value := much_changed(chance, values), dict):
        pass
    return value


def shortest(work: Callable[[], Any]) -> tuple[Any, float]:
    """What something comes to, and the seconds of this thread's processor time that it takes."""
    times = []
    for _ in range(TRIES):
        begun = time.thread_time()
        found = work()
        times.append(time.thread_time() - begun)
        if times[-1] < MOST:
            break
        gc.collect()
    return found, min(times)


def judgement(written: Any, task: Any, hints: Any, world: World) -> Any:
    """The ruling, or why the policy is none."""
    around = world.around()
    try:
        made = policy_document.parse(written, around.jq)
    except Invalid as error:
        return error
    return evaluation.judge(made, Proposal(task, hints), around, rewrite=True, prioritize=True)


@by_chance
def test_any_policy_is_ready_or_refused_by_its_member(chance: Random) -> None:
    written = much_changed(chance, POLICIES)
    _is_ready_or_refused(written, chance.choice(TASKS), chance.choice(HINTS), chance.choice(WORLDS))


def test_a_policy_that_is_a_list_is_refused() -> None:
    _is_ready_or_refused([], IDLE, {}, World())


def _is_ready_or_refused(written: Any, task: Any, hints: Any, world: World) -> None:
    found, seconds = shortest(lambda: judgement(written, task, hints, world))

    if isinstance(found, Invalid):
        assert found.sentence
        assert found.pointer is not None
    else:
        assert found.passed or found.why
        assert found.diags
    assert seconds < MOST


@by_chance
def test_any_proposal_is_let_in_or_not(chance: Random) -> None:
    written, world = chance.choice(POLICIES), chance.choice(WORLDS)
    task, hints = an_object(chance, TASKS), an_object(chance, HINTS)

    found, seconds = shortest(lambda: judgement(written, task, hints, world))

    assert not isinstance(found, Invalid)
    assert found.passed or found.why
    assert found.diags
    assert seconds < MOST


def test_work_that_takes_too_long_is_noticed() -> None:
    def busy() -> None:
        until = time.thread_time() + 2 * MOST
        while time.thread_time() < until:
            pass

    assert shortest(busy)[1] > MOST
