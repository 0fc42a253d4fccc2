"""The life of a run: its states and the transitions between them (docs/contract/scheduler.md section 2).

A run begins when it is booked: invisible at its lead while other nodes have to agree, otherwise waiting for
its start. It ends in exactly one of the final states. Two rules hold on the way:

- A state is changed by a write on condition that the run is as it was read, so when two change it at the same
  time, one is too late (``store/run_items.py``).
- Every state that is not final has a deadline after which the reaper ends it (``run_items.due_for``), so no
  run waits for ever, whoever has died.

``LIFE`` says where a run may go from each state, and why. Transitions without a reason are allowed by the
reference, but never made by this node. docs/states.md is drawn from the table.
"""

import enum
from collections.abc import Mapping

from chalicelib.domain.errors import BadTransition


class State(str, enum.Enum):
    """A run's state; the value is the name clients see."""

    SCHEDULING = "scheduling"
    PENDING = "pending"
    ON_DECK = "on-deck"
    RUNNING = "running"
    CLEANUP = "cleanup"
    FINISHED = "finished"
    OVERDUE = "overdue"
    MISSED = "missed"
    FAILED = "failed"
    PREEMPTED = "preempted"
    NONSTART = "nonstart"
    CANCELED = "canceled"

    @property
    def display(self) -> str:
        return _DISPLAY.get(self, self.value.title().replace("-", " "))

    @property
    def is_finished(self) -> bool:
        """Nothing more will be measured. ``cleanup`` counts: only the merge is left."""
        return self not in WAITING

    @property
    def is_final(self) -> bool:
        """Nothing more will become of it, but for what an operator or a late answer changes."""
        return self in FINAL


WAITING = (State.SCHEDULING, State.PENDING, State.ON_DECK, State.RUNNING)
FINAL = tuple(state for state in State if state.is_finished and state is not State.CLEANUP)

_DISPLAY = {State.NONSTART: "Non-Starter"}

LIFE: Mapping[State, Mapping[State, str]] = {
    State.SCHEDULING: {
        State.PENDING: "all participants agreed",
        State.NONSTART: "they did not agree in time",
        State.CANCELED: "it was cancelled",
        State.PREEMPTED: "",
    },
    State.PENDING: {
        State.RUNNING: "a runner takes it",
        State.MISSED: "nobody took it in time, or the node is paused",
        State.PREEMPTED: "a run of a higher priority took its place",
        State.NONSTART: "its lead never said that all agreed, or its agent refuses it",
        State.CANCELED: "it was cancelled",
        State.FAILED: "its lead reports that it failed",
        State.ON_DECK: "",
    },
    State.ON_DECK: dict.fromkeys(
        (State.RUNNING, State.OVERDUE, State.MISSED, State.FAILED, State.CANCELED, State.PREEMPTED), ""
    ),
    State.RUNNING: {
        State.CLEANUP: "its tool is done, and others take part",
        State.FINISHED: "its result is there",
        State.FAILED: "its tool failed",
        State.OVERDUE: "its runner never reported",
        State.CANCELED: "it was cancelled",
        State.MISSED: "its agent was too late to start it",
        State.PREEMPTED: "",
    },
    State.CLEANUP: {
        State.FINISHED: "the results of all are merged",
        State.FAILED: "the results were not in time, or the run failed",
    },
    State.FINISHED: {State.FAILED: "its lead reports that it failed"},
    State.OVERDUE: {
        State.FINISHED: "its lead reports the result",
        State.FAILED: "its lead reports that it failed",
        State.MISSED: "",
        State.CANCELED: "it was cancelled",
        State.PREEMPTED: "",
    },
    State.MISSED: {State.FAILED: "its lead reports that it failed"},
    State.NONSTART: {State.CANCELED: ""},
    State.FAILED: {},
    State.PREEMPTED: {},
    State.CANCELED: {},
}
BEGINS: Mapping[State, str] = {
    State.SCHEDULING: "other nodes have to agree",
    State.PENDING: "no other node has to agree, or its lead requests it",
    State.NONSTART: "there is no time for it, or the limits refuse it",
    State.FINISHED: "it is one result of a task that streams them",
}


def may_become(old: State, new: State) -> bool:
    """Whether a run may go from one state to the other; staying is always allowed."""
    return old is new or new in LIFE[old]


def sources(new: State) -> tuple[State, ...]:
    """The states from which a run may come to this one, itself left out."""
    return tuple(old for old in State if old is not new and may_become(old, new))


def require(old: State, new: State) -> None:
    """Raise BadTransition unless a run may go from one state to the other."""
    if not may_become(old, new):
        raise BadTransition(f"A run that is {old.value} cannot become {new.value}")
