"""Which tasks are wanted of many."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.documents import contains
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task

ANY: JSON = object()
"""Stands for a member nobody asked about; None is a value to ask for."""


class Posted(Protocol):
    """What of a task a filter looks at, its detail aside. A task has it, and more."""

    @property
    def document(self) -> Mapping[str, JSON]: ...

    @property
    def hints(self) -> Mapping[str, JSON]: ...

    @property
    def enabled(self) -> bool: ...


@dataclasses.dataclass(frozen=True)
class TaskFilter:
    """What is asked of tasks; a member left out asks nothing.

    ``held`` is a document the task holds as it is shown, ``reference`` one its reference holds.
    """

    held: JSON = dataclasses.field(default_factory=dict)
    test: str | None = None
    tool: str | None = None
    requester: str | None = None
    enabled: bool | None = None
    reference: JSON = ANY

    @property
    def asks_for_detail(self) -> bool:
        """Whether it asks about what changes, which the listing of tasks does not know."""
        return isinstance(self.held, dict) and "detail" in self.held

    def fits(self, task: Posted) -> bool:
        """Whether a task of the listing is wanted, its detail aside."""
        return (
            self._holds(task)
            and self.test in (None, task.document["test"]["type"])
            and self.tool in (None, task.document["tool"])
            and self.requester in (None, task.hints.get("requester"))
            and self.enabled in (None, task.enabled)
            and (self.reference is ANY or contains(task.document.get("reference"), self.reference))
        )

    def _holds(self, task: Posted) -> bool:
        # Nothing but an object is held by a task: any other document finds none.
        if not isinstance(self.held, dict):
            return False
        fixed = {name: value for name, value in self.held.items() if name != "detail"}
        return contains(task.document, fixed)

    def fits_detail(self, task: Task) -> bool:
        """Whether a task as it is now has the detail asked for."""
        return not self.asks_for_detail or contains(task.detail(), self.held["detail"])
