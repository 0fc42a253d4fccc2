"""Letting a tool perform a run, inside its contexts; whatever it does, a local result comes back."""

import contextlib
import dataclasses
import datetime as dt
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

from chalicelib.domain.errors import PluginFailed
from chalicelib.domain.redaction import Redactor
from chalicelib.domain.result_size import bounded, shortened
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration
from chalicelib.infrastructure.machine import Machine
from plugins import registry
from plugins.sdk.base import Job, Tool

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LocalResult:
    """What one participant's tool came to: a result, be it that the measurement failed, or why there is none.

    ``errors`` is what went wrong with the tool rather than with what it measured.
    """

    result: JSON = None
    errors: str | None = None
    diags: str = ""

    @property
    def succeeded(self) -> bool:
        return self.errors is None

    def entry(self) -> JSON:
        """Its place in ``result-full`` (docs/contract/scheduler.md section 7)."""
        if self.succeeded:
            return self.result
        return {"succeeded": False, "error": self.errors, "diags": self.diags}

    @classmethod
    def too_late(cls, run: Run) -> "LocalResult":
        return cls(errors=f"The tool took longer than the {format_duration(run.duration)} planned for it")


def perform(
    task: Task, run: Run, machine: Machine, emit: Callable[[JSON], None], since: dt.datetime | None = None
) -> LocalResult:
    """Run the task's tool. Never raises: a failed measurement is a result.

    ``emit`` takes the results of a tool that streams them; those up to ``since`` are there already.
    """
    tool = registry.tools()[task.tool]
    job = Job(
        test=task.test,
        spec=task.spec,
        host=machine,
        start=run.start,
        duration=run.duration,
        participant=task.participant,
        participant_data=run.documents.participant_data_full or (),
        since=since,
    )
    try:
        with contextlib.ExitStack() as environment:
            contexts = _contexts(task)
            announce = environment.enter_context(_outside(emit)) if contexts else emit
            for context in contexts:
                plugin = registry.contexts()[context["context"]]
                environment.enter_context(plugin.enter(context["data"]))
            return _measure(tool, dataclasses.replace(job, emit=announce))
    except PluginFailed as error:  # a context's: the tool never began
        hide = Redactor(task.spec, task.document.get("contexts")).text
        return LocalResult(errors=hide(error.message), diags=hide(error.diags))
    except Exception as error:  # a plugin's own mistake must not be the node's
        hide = Redactor(task.spec, task.document.get("contexts")).text
        told = hide(traceback.format_exc())
        LOG.error("The tool %s broke on run %s\n%s", tool.name, run.uuid, told)
        return LocalResult(errors=hide(f"The tool broke: {error!r}"), diags=told)


@contextlib.contextmanager
def _outside(emit: Callable[[JSON], None]) -> Iterator[Callable[[JSON], None]]:
    """The same, done in a thread that no context reaches: a namespace may have no way to the store."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as outside:
        outside.submit(int).result()  # a thread is where its starter was when it started
        yield lambda result: outside.submit(emit, result).result()


def _measure(tool: Tool, job: Job) -> LocalResult:
    try:
        return LocalResult(result=bounded(tool.run(job)))
    except PluginFailed as error:
        hide = Redactor(job.spec).text
        failure = {
            "succeeded": False,
            "result": None,
            "error": hide(shortened(error.message)),
            "diags": hide(shortened(error.diags)),
        }
        return LocalResult(result=failure)


def _contexts(task: Task) -> Sequence[Mapping[str, JSON]]:
    section = task.document.get("contexts")
    found: Sequence[Mapping[str, JSON]] = section["contexts"][task.participant] if section else ()
    return found
