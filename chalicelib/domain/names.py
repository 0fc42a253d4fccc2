"""What things are called by: text of one kind that must not be taken for text of another."""

from typing import NewType

NodeName = NewType("NodeName", str)
"""One of the nodes a deployment serves: the first part of all its keys in the store."""

TaskId = NewType("TaskId", str)
"""A task's UUID, the same at all of its participants."""

RunId = NewType("RunId", str)
"""A run's UUID, the same at all of its participants."""

NO_TASK, NO_RUN = TaskId(""), RunId("")
"""What stands where time is looked at that no run has yet."""
