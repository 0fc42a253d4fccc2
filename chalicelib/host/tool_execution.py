"""Letting a tool perform a run, inside its contexts; whatever it does, a local result comes back."""

import contextlib
import dataclasses
import logging
import traceback
from collections.abc import Callable, Iterator

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.errors import PluginFailed
from chalicelib.domain.redaction import Redactor
from chalicelib.domain.result_size import bounded, shortened
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure.machine import Machine
from plugins import registry
from plugins.sdk.jobs import Job
from plugins.sdk.tool import Tool

LOG = logging.getLogger(__name__)


def perform(assignment: Assignment, machine: Machine, emit: Callable[[JSON], None]) -> LocalResult:
    """Let a run's tool work. Never raises: a failed measurement is a result.

    ``emit`` takes the results of a tool that streams them.
    """
    tool = registry.tools()[assignment.tool]
    job = Job(
        test=assignment.test,
        spec=assignment.spec,
        host=machine,
        start=assignment.start,
        duration=assignment.duration,
        participant=assignment.participant,
        participant_data=assignment.participant_data,
        since=assignment.since,
    )
    try:
        with contextlib.ExitStack() as environment:
            announce = environment.enter_context(_outside(emit)) if assignment.contexts else emit
            for context in assignment.contexts:
                plugin = registry.contexts()[context["context"]]
                environment.enter_context(plugin.enter(context["data"]))
            return _measure(tool, dataclasses.replace(job, emit=announce))
    except PluginFailed as error:  # a context's: the tool never began
        hide = Redactor(assignment.spec, assignment.contexts).text
        return LocalResult(errors=hide(error.message), diags=hide(error.diags))
    except Exception as error:  # a plugin's own mistake must not be the node's
        hide = Redactor(assignment.spec, assignment.contexts).text
        told = hide(traceback.format_exc())
        LOG.error("The tool %s broke on run %s\n%s", tool.name, assignment.run, told)
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
