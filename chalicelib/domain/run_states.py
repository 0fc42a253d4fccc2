"""The states of a run and the ways between them (contract/scheduler.md section 2)."""

import enum

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

_NEXT: dict[State, str] = {
    State.SCHEDULING: "pending preempted canceled nonstart",
    State.PENDING: "on-deck running missed failed preempted canceled nonstart",
    State.ON_DECK: "running overdue missed failed canceled preempted",
    State.RUNNING: "cleanup finished overdue missed failed preempted canceled",
    State.CLEANUP: "finished failed",
    State.FINISHED: "failed",
    State.OVERDUE: "finished missed failed canceled preempted",
    State.MISSED: "failed",
    State.NONSTART: "canceled",
    State.FAILED: "",
    State.PREEMPTED: "",
    State.CANCELED: "",
}


def may_become(old: State, new: State) -> bool:
    """Whether a run may go from one state to the other; staying is always allowed."""
    return old is new or new.value in _NEXT[old].split()


def sources(new: State) -> tuple[State, ...]:
    """The states from which a run may come to this one, itself left out."""
    return tuple(old for old in State if old is not new and may_become(old, new))


def require(old: State, new: State) -> None:
    """Raise BadTransition unless a run may go from one state to the other."""
    if not may_become(old, new):
        raise BadTransition(f"A run that is {old.value} cannot become {new.value}")
