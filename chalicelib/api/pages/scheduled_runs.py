"""What the schedule and the monitor show of runs: the JSON of each, made of texts.

Thousands are shown at a time, so what is the same for all runs of a task is made once, and what everybody
may see of the task is copied as it is stored.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from chalicelib.api.http.router import Request, as_text
from chalicelib.api.openapi.enumerations import enumeration
from chalicelib.api.pages.single_task import href as task_href
from chalicelib.domain.names import NO_TASK, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import format_timestamp
from chalicelib.store import task_table
from chalicelib.store.task_items import StoredTask
from plugins import registry
from plugins.sdk.plugin import Plugin

MOST_KEPT = 5000
"""Tasks whose members are kept for the runs to come."""
_STATES = {
    state: f',"state":{as_text(state.value)},"state-display":{as_text(state.display)}' for state in State
}


class Lines:
    """Shows runs, those whose task is gone left out; ``with_plugins`` as the schedule does."""

    def __init__(self, request: Request, with_plugins: bool):
        self._request = request
        self._with_plugins = with_plugins
        self._where = as_text(task_href(request, NO_TASK))[:-1]
        """Where tasks are, as JSON that is not closed yet."""
        self._tasks: dict[TaskId, str | None] = {}
        """By task the members that all its runs have in common; None of one that is gone."""
        self._added: dict[TaskId, dt.datetime] = {}
        self._plugins: dict[tuple[str, str], str] = {}
        """By kind and name the JSON of a test or tool, which most tasks share with others."""

    def of(self, runs: Sequence[Run]) -> list[str]:
        """The JSON of each of some runs."""
        self.read(run.task for run in runs)
        return [line for run in runs if (line := self.line(run)) is not None]

    def read(self, tasks: Iterable[TaskId]) -> None:
        """Have what is shown of some tasks."""
        wanted = dict.fromkeys(tasks)
        missing = [uuid for uuid in wanted if uuid not in self._tasks]
        if len(self._tasks) + len(missing) > MOST_KEPT:
            self._tasks = {uuid: self._tasks[uuid] for uuid in wanted if uuid in self._tasks}
        known = task_table.find_many(self._request.node, missing)
        self._tasks |= {uuid: self._members(known[uuid]) if uuid in known else None for uuid in missing}
        if not self._with_plugins:
            self._added |= {uuid: stored.place[0] for uuid, stored in known.items()}

    def added(self, run: Run) -> dt.datetime:
        """When the task of a run was added; of one that is gone, when the run was. Not with plugins."""
        return self._added.get(run.task, run.added)

    def line(self, run: Run, ppf: int | None = None) -> str | None:
        """The JSON of a run whose task was read, ``ppf`` first if given; None where that is gone."""
        of_task = self._tasks[run.task]
        if of_task is None:
            return None
        own = f"{self._where}{run.task}/runs/{run.uuid}"
        begin = "{" if ppf is None else f'{{"ppf":{ppf},'
        reason = f',"reason":{as_text(run.documents.reason)}' if run.documents.reason else ""
        errors = f',"errors":{as_text(run.errors)}' if self._with_plugins else ""
        return (
            f'{begin}"start-time":"{format_timestamp(run.start)}","end-time":"{format_timestamp(run.end)}"'
            f',"href":{own}","result-href":{own}/result"{_STATES[run.state]},{of_task}'
            f',"priority":{as_text(run.priority)}{reason}{errors}}}'
        )

    def _members(self, stored: StoredTask) -> str:
        known = stored.beside()
        # A task that another node leads is shown with its participants here, and at /tasks without them.
        others = f',"participants":{as_text(known.participants)}' if known.participant else ""
        where = f'"href":{self._where}{stored.uuid}"'
        members = f'"task":{stored.shown[:-1]}{others},{where}}},"cli":{known.cli}'
        if not self._with_plugins:
            return members
        test, tool = self._plugin("test", known.test), self._plugin("tool", known.tool)
        return f'{members},"test":{test},"tool":{tool}'

    def _plugin(self, kind: str, name: str) -> str:
        known = self._plugins.get((kind, name))
        if known is None:
            plugins: Mapping[str, Plugin] = registry.tests() if kind == "test" else registry.tools()
            # A task outlives the removal of the plugin it was made with.
            shown = enumeration(plugins[name], self._request.api_level) if name in plugins else {"name": name}
            known = self._plugins[kind, name] = as_text(shown)
        return known
