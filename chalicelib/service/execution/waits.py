"""Runs that only wait for now: a message waits for them, held back by its queue, and no worker does.

running ──the time of a tool that idles──> its result
cleanup ──the time of all participants──> merged, at the lead
"""

import datetime as dt
import logging

from chalicelib.domain.assignment import LocalResult
from chalicelib.domain.errors import NotFound
from chalicelib.domain.messages import EndWait
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.coordination import collection
from chalicelib.service.execution import results
from chalicelib.service.scheduling import dispatch
from chalicelib.store import run_table, task_table
from plugins import registry

LOG = logging.getLogger(__name__)
SOON = 2 * SECOND
"""What is left of a wait once its message comes, at most: queues count in whole seconds, and hold nothing
back for longer than a quarter of an hour."""
NEAR, LATER = 15 * SECOND, 10 * SECOND
"""How long after the end of a run its other participants' agents are looked after every second, and how often
after that."""


def begin(task: Task, run: Run, now: dt.datetime) -> bool:
    """Have a run waited for that has begun and only waits; False for one that has something to do.

    In a context, which may fail, its tool is performed as any other.
    """
    idle = None if "contexts" in task.document else _idle(task)
    if idle is None:
        return False
    dispatch.send_when_over(run, max(run.start, now) + idle[0])
    return True


def _idle(task: Task) -> tuple[dt.timedelta, JSON] | None:
    """How long the tool would wait, and what it would say then; None where it has to be asked."""
    tool = registry.tools()[task.tool]
    try:
        return tool.idle(task.spec) if tool.idle else None
    except Exception:  # a plugin's own mistake must not be the node's: performed, it becomes the result
        LOG.exception("The tool %s does not say how long it idles", tool.name)
        return None


def end(message: EndWait, machine: Machine) -> None:
    """Do what is left of a run whose wait is over; a message that comes twice finds nothing left."""
    try:
        run = run_table.get(message.node, message.task, message.run)
        if message.until - machine.now() > SOON:
            dispatch.send_when_over(run, message.until, message.diags)
            return
        task = task_table.get(message.node, run.task)
    except NotFound as error:
        LOG.info("Nothing to wait for: %s", error)
        return
    machine.sleep_until(message.until)
    _end(task, run, message.diags, machine)


def _end(task: Task, run: Run, diags: str, machine: Machine) -> None:
    if run.state is State.RUNNING and (idle := _idle(task)):
        results.conclude(task, run, LocalResult(result=idle[1]), machine)
    elif run.state is State.CLEANUP and collection.awaited(task, run, machine.now()):
        now = machine.now()
        again = LATER if now > run.end + NEAR else SECOND
        dispatch.send_when_over(run, now + again, diags)
    elif run.state is State.CLEANUP:
        results.merge(task, run, LocalResult(run.documents.result, run.errors, diags), machine)
