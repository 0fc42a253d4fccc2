"""What an agent makes of a run whose time has come, without a coordinator."""

import contextlib
import datetime as dt
import pathlib
import uuid
from typing import Any

import pytest

from agent.agent_state import OFFERED, REFUSED, State
from agent.clock_offset import Offset
from agent.policy import PolicyFile
from agent.taken_runs import Runs
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.times import SECOND
from tests.agent.coordinator import assignment
from tests.builders import NOON

NOBODY: Any = None


def judged(folder: pathlib.Path, start: dt.datetime, ahead: float | None) -> str:
    """The code with which a taken run is refused at noon by the agent's clock, which is so far ahead."""
    document = assignment(start)
    run = Assignment.from_json(document)
    offset = Offset(steady=lambda: 0.0, clock=lambda: NOON)
    if ahead is not None:
        offset.note(0.0, 0.0, NOON - ahead * SECOND)
    with contextlib.closing(State(folder)) as state:
        state.offer(run, document)
        state.take([run.run])
        runs = Runs(state, NOBODY, NOBODY, PolicyFile(folder / "policy.json", wanted=False), offset)
        runs.start_due(NOON)
        return state.held(REFUSED)[0].code


@pytest.mark.parametrize(
    ("late", "ahead", "code"),
    [
        (25, 0.0, "agent-late"),
        (25, None, "agent-late"),  # as long as nothing is known of the clock
        (25, 30.0, "agent-clock"),  # it is not late: the clock is off
        (25, -30.0, "agent-clock"),
        (0, 30.0, "agent-clock"),
    ],
)
def test_by_a_clock_that_is_off_nothing_is_too_late(
    tmp_path: pathlib.Path, late: int, ahead: float | None, code: str
) -> None:
    assert judged(tmp_path / str(uuid.uuid4()), NOON - late * SECOND, ahead) == code


def test_what_the_owner_refuses_is_never_noted_as_offered(tmp_path: pathlib.Path) -> None:
    document = assignment(NOON + 60 * SECOND)
    policy = tmp_path / "policy.json"
    policy.write_text('{"tests": []}')
    noted = []

    class Watched(State):
        def _write(self, sql: str, *values: object) -> int:
            written = super()._write(sql, *values)
            noted.append(
                ([each.run for each in self.held(OFFERED)], [each.code for each in self.held(REFUSED)])
            )
            return written

    with contextlib.closing(Watched(tmp_path)) as state:
        runs = Runs(state, NOBODY, NOBODY, PolicyFile(policy), Offset(lambda: 0.0, lambda: NOON))
        runs.offer([document], taken={document["run"]})

    # Were it, an agent that dies, or whose disk is full, after the first of two writes would claim it.
    assert noted == [([], ["agent-policy"])]
