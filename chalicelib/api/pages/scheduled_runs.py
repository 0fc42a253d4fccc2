"""What the schedule and the monitor show of runs: the JSON of each, made of texts.

Thousands are shown at a time, so what is the same for all runs of a task is made once, and what everybody
may see of the task is copied as it is stored.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.api.http.routing import Request, as_text
from chalicelib.api.openapi.enumerations import enumeration
from chalicelib.api.pages.single_run import href as run_href
from chalicelib.api.pages.single_task import href as task_href
from chalicelib.domain.names import TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.store import task_table
from chalicelib.store.task_table import StoredTask
from plugins import registry
from plugins.sdk.base import Plugin


class Lines:
    """Shows runs, those whose task is gone left out; ``with_plugins`` as the schedule does."""

    def __init__(self, request: Request, with_plugins: bool):
        self._request = request
        self._with_plugins = with_plugins
        self._tasks: dict[TaskId, str | None] = {}
        """By task the members that all its runs have in common; None of one that is gone."""
        self._added: dict[TaskId, dt.datetime] = {}

    def of(self, runs: Sequence[Run]) -> list[str]:
        """The JSON of each of some runs."""
        self.read(run.task for run in runs)
        return [line for run in runs if (line := self.line(run)) is not None]

    def read(self, tasks: Iterable[TaskId]) -> None:
        """Have what is shown of some tasks."""
        missing = [uuid for uuid in dict.fromkeys(tasks) if uuid not in self._tasks]
        known = task_table.find_many(self._request.node, missing)
        self._tasks |= {uuid: self._members(known[uuid]) if uuid in known else None for uuid in missing}
        self._added |= {uuid: stored.place[0] for uuid, stored in known.items()}

    def added(self, run: Run) -> dt.datetime:
        """When the task of a run was added; of one that is gone, when the run was."""
        return self._added.get(run.task, run.added)

    def line(self, run: Run, **first: JSON) -> str | None:
        """The JSON of a run whose task was read, some members before all others; None where that is gone."""
        of_task = self._tasks[run.task]
        if of_task is None:
            return None
        own = run_href(self._request, run.task, run.uuid)
        before = {
            **first,
            "start-time": format_timestamp(run.start),
            "end-time": format_timestamp(run.end),
            "href": own,
            "result-href": f"{own}/result",
            "state": run.state.value,
            "state-display": run.state.display,
        }
        behind: dict[str, JSON] = {"priority": run.priority}
        if run.documents.reason:
            behind["reason"] = run.documents.reason
        if self._with_plugins:
            behind["errors"] = run.errors
        return f"{as_text(before)[:-1]},{of_task},{as_text(behind)[1:]}"

    def _members(self, stored: StoredTask) -> str:
        fixed = stored.fixed()
        where = {"href": task_href(self._request, stored.uuid)}
        # A task that another node leads is shown with its participants here, and at /tasks without them.
        more = {"participants": fixed["participants"], **where} if fixed["participant"] else where
        members = f'"task":{stored.shown[:-1]},{as_text(more)[1:]},"cli":{as_text(fixed["cli"])}'
        if not self._with_plugins:
            return members
        document = fixed["document"]
        test = _enumeration(self._request, registry.tests(), document["test"]["type"])
        tool = _enumeration(self._request, registry.tools(), document["tool"])
        return f'{members},"test":{test},"tool":{tool}'


def _enumeration(request: Request, plugins: Mapping[str, Plugin], name: str) -> str:
    # A task outlives the removal of the plugin it was made with.
    return as_text(enumeration(plugins[name], request.api_level) if name in plugins else {"name": name})
