"""The life of a task, as far as this node is to do something about it.

A task has no state of its own in the store: what has to be done follows from whether it is enabled and when
the planner will look at it next (``plan_at``). Two rules hold:

- Runs are placed for enabled tasks only, and every write that places one is on condition that the task still
  is enabled (``task_table.unchanged``): a cancelled task gets no more runs, whoever is planning it meanwhile.
- A task is always in the index ``plan``: for the planner as long as it wants runs, for the reaper when it
  wants none. So none is lost sight of, and each is deleted in the end.

``LIFE`` says where a task may go from each state, and why. docs/states.md is drawn from it.
"""

import enum
from collections.abc import Mapping

from chalicelib.domain.task import Task


class TaskState(str, enum.Enum):
    """What is to be done about a task."""

    PLANNED = "planned"
    """The planner looks at it at a known time."""
    PLACED = "placed"
    """It wants no more runs; those it has come and go."""
    DISABLED = "disabled"
    """No runs are placed: it is being posted to the others, or was cancelled."""


LIFE: Mapping[TaskState, Mapping[TaskState, str]] = {
    TaskState.PLANNED: {
        TaskState.PLANNED: "a run is placed, or a planner has it on lease",
        TaskState.PLACED: "its last run is placed",
        TaskState.DISABLED: "it is cancelled",
    },
    TaskState.PLACED: {
        TaskState.PLANNED: "its only run was taken back",
        TaskState.PLACED: "a client asks for a run",
        TaskState.DISABLED: "it is cancelled",
    },
    TaskState.DISABLED: {
        TaskState.PLANNED: "all participants accepted it",
        TaskState.PLACED: "all participants accepted it, and it wants no run",
    },
}
BEGINS: Mapping[TaskState, str] = {
    TaskState.PLANNED: "more runs are wanted than the first",
    TaskState.PLACED: "its only run is placed, or another node leads it",
    TaskState.DISABLED: "other nodes have to take part",
}
ENDS: Mapping[TaskState, str] = {
    TaskState.PLACED: "two days after its last run",
    TaskState.DISABLED: "two days later, or when a participant refuses",
}


def state_of(task: Task) -> TaskState:
    """What is to be done about a task."""
    if not task.enabled:
        return TaskState.DISABLED
    return TaskState.PLACED if task.plan_at is None else TaskState.PLANNED


def may_become(old: TaskState, new: TaskState) -> bool:
    """Whether a task may go from one state to the other."""
    return new in LIFE[old]
