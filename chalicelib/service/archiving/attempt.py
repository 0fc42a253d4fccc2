"""Delivering results to archives (docs/contract/archivers.md)."""

import dataclasses
import datetime as dt
import json
import logging
import random
import traceback
from collections.abc import Mapping, Sequence

from chalicelib.domain import transforms
from chalicelib.domain.delivery import MOST_SILENT, Delivery, back_off
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Conflict, NotFound, PSchedulerError
from chalicelib.domain.metrics import Metric
from chalicelib.domain.names import NodeName, RunId
from chalicelib.domain.redaction import Redactor
from chalicelib.domain.run import Run
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.times import format_duration, format_timestamp, parse_duration
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from chalicelib.service.archiving import announce
from chalicelib.service.node.node_directory import base_url_of
from chalicelib.service.series import points
from chalicelib.settings import settings
from chalicelib.store import delivery_table, run_table, task_table
from plugins import registry
from plugins.sdk.jobs import Outcome, Parcel

LOG = logging.getLogger(__name__)

A_TICK = dt.timedelta(minutes=1)
"""What is to be attempted sooner than the archive tick would see it is announced at once."""
NOTHING_TO_SEND = "The transform left nothing to send"
NEVER_REPORTED = f"Given up: {MOST_SILENT} attempts in a row were begun and never reported"


def deliver(node: NodeName, run: RunId, number: int, now: dt.datetime) -> None:
    """Attempt a delivery that is due, and store how it went; one that is not due is left alone."""
    try:
        delivery = delivery_table.get(node, run, number)
        if delivery.next_attempt is None or delivery.next_attempt > now:
            return
        if delivery.is_expired(now):
            _end(delivery, now, {"return-code": 1, "stdout": "", "stderr": "Its time to live has passed"})
            return
        if delivery.is_hopeless:
            _end(delivery, now, {"return-code": 1, "stdout": "", "stderr": NEVER_REPORTED})
            return
        # The next attempt is due should this one never report.
        begun = delivery_table.change(delivery.begun(now))
        _attempt(begun, now)
    except (NotFound, Conflict) as error:
        LOG.info("Nothing to deliver: %s", error)


def _attempt(delivery: Delivery, now: dt.datetime) -> None:
    result, metrics = _content(delivery)
    try:
        if "transform" in delivery.spec:
            result = transforms.apply(delivery.spec["transform"], result, SANDBOX)
    except PSchedulerError as error:
        said = Redactor(delivery.spec).text(error.message)
        _end(delivery, now, {"return-code": 1, "stdout": "", "stderr": said})
        return
    if result is None:
        _end(delivery, now, {"return-code": 0, "stdout": {}, "stderr": NOTHING_TO_SEND}, archived=True)
        return
    outcome = _send(delivery, result, metrics)
    diag = {"return-code": 0, "stdout": outcome.reply(), "stderr": outcome.error or ""}
    _end(delivery, now, diag, outcome.succeeded, outcome.retry or _again(delivery))


def _content(delivery: Delivery) -> tuple[JSON, Sequence[Metric]]:
    """What is to be sent, and the numbers in it. Raises NotFound for the result of a run that is gone."""
    if delivery.document is not None:
        return delivery.document, ()
    task = task_table.get(delivery.node, delivery.task)
    run = run_table.get(delivery.node, delivery.task, delivery.run)
    return document(delivery, task, run), points.measured(task, run.documents.result_merged)


def _again(delivery: Delivery) -> dt.timedelta | None:
    """The wait before another attempt where the archive could have a retry policy and has a time to live in
    its place; None where neither says to try again."""
    can_have_one = "retry-policy" in json.dumps(registry.archivers()[delivery.archiver].data)
    if delivery.deadline is None or not can_have_one or "retry-policy" in delivery.spec["data"]:
        return None
    return back_off(delivery.attempts, random.random())  # noqa: S311 - spreads load


def _send(delivery: Delivery, result: JSON, metrics: Sequence[Metric] = ()) -> Outcome:
    """How it went, without what is private in the archive's settings: anybody may read it."""
    outcome = _sent(delivery, result, metrics)
    if outcome.error is None:
        return outcome
    return dataclasses.replace(outcome, error=Redactor(delivery.spec).text(outcome.error))


def _sent(delivery: Delivery, result: JSON, metrics: Sequence[Metric]) -> Outcome:
    parcel = Parcel(
        delivery.spec["data"],
        result,
        delivery.attempts - 1,
        SANDBOX,
        metrics,
        delivery.id,
    )
    try:
        return registry.archivers()[delivery.archiver].deliver(parcel)
    except PSchedulerError as error:
        return Outcome(False, error.message)
    except Exception as error:  # a plugin's own mistake must not be the node's
        told = Redactor(delivery.spec).text(traceback.format_exc())
        LOG.error("The archiver %s broke on run %s\n%s", delivery.archiver, delivery.run, told)
        return Outcome(False, f"The archiver failed unexpectedly: {error!r}")


def _end(
    delivery: Delivery,
    now: dt.datetime,
    diag: Mapping[str, JSON],
    archived: bool = False,
    retry: dt.timedelta | None = None,
) -> None:
    ended = delivery_table.change(delivery.ended(now, diag, archived, retry))
    if ended.next_attempt is not None and ended.next_attempt - now < A_TICK:
        queues.send(queues.DELIVERIES, announce.message(ended), ended.next_attempt - now)
    if ended.completed:
        _keep_after_archive(ended, now)


def _keep_after_archive(delivery: Delivery, now: dt.datetime) -> None:
    """Once nothing of a run is left to deliver, it may go as early as its task says."""
    if delivery.document is not None:
        return
    task = task_table.get(delivery.node, delivery.task)
    keep = task.document.get("keep-after-archive")
    if keep is None or any(
        not other.completed for other in delivery_table.of_run(delivery.node, delivery.run)
    ):
        return
    run = run_table.get(delivery.node, delivery.task, delivery.run)
    run_table.change(run.evolve(purge_at=now + parse_duration(keep)))


def document(delivery: Delivery, task: Task, run: Run) -> dict[str, JSON]:
    """What an archiver is to keep of a run
    (docs/contract/archivers.md section 3); private members are null."""
    tool = registry.tools()[task.tool]
    task_href = f"{_base(delivery, task)}/tasks/{task.uuid}"
    run_href = f"{task_href}/runs/{run.uuid}"
    hidden = ("participant-data", "participant-data-full", "result")
    shown_run = {name: value for name, value in run.describe(task).items() if name not in hidden}
    shown_task = {name: value for name, value in task.describe().items() if name != "archives"}
    return {
        "id": run.uuid,
        "schedule": {"start": format_timestamp(run.start), "duration": format_duration(task.duration)},
        "test": sanitized(task.document["test"]),
        "tool": {"name": tool.name, "version": tool.version},
        "participants": list(task.participants),
        "result": run.documents.result_merged,
        "reference": sanitized(task.document.get("reference")),
        "task": sanitized({**shown_task, "href": task_href}),
        "run": {**shown_run, "href": run_href, "task-href": task_href},
    }


def _base(delivery: Delivery, task: Task) -> str:
    """The API root that hrefs lead to: as the archive, or the node, has it, or where the task was posted."""
    host = delivery.spec.get("uri-host")
    if host:
        return f"https://{host}/pscheduler"
    known = settings()
    set_here = known.url if delivery.node == known.node else ""
    return set_here or task.url or base_url_of(delivery.node)


def describe(delivery: Delivery) -> dict[str, JSON]:
    """As ``archivings`` shows it (docs/contract/archivers.md section 5)."""
    last, upcoming = delivery.last_attempt, delivery.next_attempt
    return {
        "spec": delivery.spec,
        "archiver": registry.archivers()[delivery.archiver].enumeration(),
        "archiver_data": delivery.spec["data"],
        "completed": delivery.completed,
        "archived": delivery.archived,
        "last_attempt": format_timestamp(last) if last else None,
        "diags": list(delivery.diags),
        "id": delivery.id,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "next_attempt": format_timestamp(upcoming) if upcoming else None,
        "last_error": delivery.last_error,
    }
