"""The table of contents: every page, every clock, every queue."""

import datetime as dt
import os
from collections.abc import Callable
from typing import Any

from chalice import Chalice, Rate

from chalicelib.api import (
    advice,
    availability,
    docs,
    mass_cancel,
    node,
    openapi,
    plugins,
    results,
    run_list,
    runs,
    schedule,
    stat,
    task_list,
    tasks,
    upkeep,
)
from chalicelib.api.http import page
from chalicelib.domain.times import UTC
from chalicelib.outside import egress, queues
from chalicelib.outside.machine import Machine
from chalicelib.service import archiving, debugging, dispatching, heartbeats, running
from chalicelib.settings import acting_as, handling, served
from chalicelib.ticks import archive, dispatch, peers, plan, reap
from plugins.support import egress as guard

guard.configure(egress.rules)  # what the plugins' connections are held against

app = Chalice(app_name="pscheduler")
app.api.binary_types = []  # what is binary is decided answer by answer: chalicelib/api/answer.py


@app.middleware("all")
def follow_debug(event: Any, get_response: Any) -> Any:
    """Every event, whoever handles it, finds the log as talkative as /debug has it."""
    debugging.follow()
    return get_response(event)


# --- pages -------------------------------------------------------------------------------------

page(app, "/", GET=node.root)
page(app, "/api", GET=node.api)
page(app, "/hostname", GET=node.hostname)
page(app, "/clock", GET=node.clock)
page(app, "/schedule-horizon", GET=node.schedule_horizon)
page(app, "/status", GET=node.status)
page(app, "/limits", GET=node.limits)
page(app, "/mtu", GET=node.mtu_safe)
page(app, "/mtu-safe", GET=node.mtu_safe)
page(app, "/debug", GET=upkeep.get_debug, PUT=upkeep.put_debug)
page(app, "/exception", GET=upkeep.exception)

page(app, "/tests", GET=plugins.tests)
page(app, "/tests/{name}", GET=plugins.test)
page(app, "/tests/{name}/schema", GET=plugins.test_schema)
page(app, "/tests/{name}/spec", GET=advice.test_spec)
page(app, "/tests/{name}/spec/is-valid", GET=advice.spec_is_valid, POST=advice.posted_spec_is_valid)
page(app, "/tests/{name}/participants", GET=advice.participants, POST=advice.posted_participants)
page(app, "/tests/{name}/tools", GET=advice.test_tools, POST=advice.posted_test_tools)
page(app, "/tools", GET=advice.tools, POST=advice.posted_tools)
page(app, "/tools/{name}", GET=plugins.tool)
page(app, "/tools/{name}/schema", GET=plugins.tool_schema)
page(app, "/archivers", GET=plugins.archivers)
page(app, "/archivers/{name}", GET=plugins.archiver)
page(app, "/archivers/{name}/schema", GET=plugins.archiver_schema)
page(
    app,
    "/archivers/{name}/data-is-valid",
    GET=advice.archiver_data_is_valid,
    POST=advice.posted_archiver_data_is_valid,
)
page(app, "/contexts", GET=plugins.contexts)
page(app, "/contexts/{name}", GET=plugins.context)
page(app, "/contexts/{name}/schema", GET=plugins.context_schema)
page(
    app,
    "/contexts/{name}/data-is-valid",
    GET=advice.context_data_is_valid,
    POST=advice.posted_context_data_is_valid,
)

page(app, "/tasks", GET=task_list.list_tasks, POST=tasks.post_task)
page(app, "/tasks/cancel", POST=mass_cancel.cancel_tasks)
page(app, "/tasks/{task}", GET=tasks.get_task, POST=tasks.join_task, DELETE=tasks.delete_task)
page(app, "/tasks/{task}/cli", GET=tasks.get_cli)
page(app, "/tasks/{task}/runtimes", GET=tasks.get_runtimes)
page(app, "/tasks/{task}/runs", GET=run_list.list_runs, POST=runs.post_run)
page(app, "/tasks/{task}/runs/{run}", GET=runs.get_run, PUT=runs.put_run, DELETE=runs.delete_run)
page(app, "/tasks/{task}/runs/{run}/result", GET=results.get_result)

page(app, "/schedule", GET=schedule.schedule)
page(app, "/schedule/availability", GET=availability.availability)
page(app, "/monitor", GET=schedule.monitor)
page(app, "/stat/control/pause", GET=stat.pause)
page(app, "/stat/archiving/backlog", GET=stat.archiving_backlog)
page(app, "/stat/archiving/upcoming", GET=stat.archiving_upcoming)
page(app, "/stat/http-queue/backlog", GET=stat.http_queue_backlog)
page(app, "/stat/http-queue/length", GET=stat.http_queue_length)
page(app, "/stat/runs/{state}", GET=stat.runs)

page(app, "/openapi.json", GET=openapi.openapi)
page(app, "/docs", GET=docs.docs)
page(app, "/docs/{asset}", GET=docs.asset)

# --- clocks ------------------------------------------------------------------------------------

EVERY_MINUTE = Rate(1, unit=Rate.MINUTES)


def _at_each_node(tick: Callable[[dt.datetime], object]) -> None:
    for identity in served():
        with acting_as(identity):
            tick(dt.datetime.now(UTC))


@app.schedule(EVERY_MINUTE, name="plan")
def plan_tick(event: Any) -> None:
    _at_each_node(plan.tick)


@app.schedule(EVERY_MINUTE, name="dispatch")
def dispatch_tick(event: Any) -> None:
    _at_each_node(dispatch.tick)


@app.schedule(EVERY_MINUTE, name="reap")
def reap_tick(event: Any) -> None:
    _at_each_node(reap.tick)


@app.schedule(EVERY_MINUTE, name="archive")
def archive_tick(event: Any) -> None:
    _at_each_node(archive.tick)


# --- queues: one message at a time, so that a failure retries nothing else ------------------------


@app.on_sqs_message(queue=queues.PLAN.full_name, batch_size=1, name="plan_task")
def plan_task(event: Any) -> None:
    for message in heartbeats.taken(queues.PLAN, event):
        with handling(message):
            plan.handle(message, dt.datetime.now(UTC))


@app.on_sqs_message(queue=queues.PEERS.full_name, batch_size=1, name="ask_peers")
def ask_peers(event: Any) -> None:
    for message in heartbeats.taken(queues.PEERS, event):
        with handling(message):
            peers.handle(message, dt.datetime.now(UTC))


@app.on_sqs_message(queue=queues.RUNS.full_name, batch_size=1, name="run")
def run(event: Any) -> None:
    for message in heartbeats.taken(queues.RUNS, event):
        with handling(message):
            running.run(message["task"], message["run"], Machine(), dispatching.handed_over(message))


@app.on_sqs_message(queue=queues.DELIVERIES.full_name, batch_size=1, name="deliver")
def deliver(event: Any) -> None:
    for message in heartbeats.taken(queues.DELIVERIES, event):
        with handling(message):
            archiving.deliver(message["run"], message["number"], dt.datetime.now(UTC))


if os.environ.get("PSCHEDULER_ENGINE") == "moto-inprocess":
    # `chalice local --stage local`: the whole node in this one process. Never so on AWS.
    from local import inprocess

    inprocess.start(app)
