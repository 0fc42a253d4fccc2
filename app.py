"""The table of contents: every page, every clock, every queue."""

import gc
import logging
import os
import sys
from typing import Any

gc.disable()  # nothing that is imported is ever garbage, and looking takes a quarter of a cold start

from chalice import Chalice, Rate

from chalicelib.api.http.answer import READS_NOTHING
from chalicelib.api.http.router import page
from chalicelib.api.openapi import openapi_document
from chalicelib.api.pages import (
    about_node,
    admin,
    agent_contact,
    agent_joining,
    agent_runs,
    alert_pages,
    alert_rule_pages,
    api_docs,
    archivings,
    event_stream,
    free_time,
    health_pages,
    mass_cancel,
    node_pages,
    plugin_checks,
    plugin_pages,
    run_list,
    run_result,
    schedule_pages,
    series_pages,
    single_run,
    single_task,
    stats,
    task_list,
    ui,
)
from chalicelib.domain.telemetry import COLD_STARTS
from chalicelib.events import clock_handlers, observation, queue_handlers
from chalicelib.infrastructure import allowed_egress, logs, process_counters, queues, snapshots, tls_sockets
from chalicelib.infrastructure.queues import Queue
from chalicelib.service.node import debug, settings_check
from chalicelib.store.models import connection
from plugins.support import guarded_connections as guard

ON_AWS = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
if ON_AWS and (wrong := settings_check.problems()):
    sys.exit("\n".join(wrong))  # a line each in the log, and no function that works by halves

guard.configure(allowed_egress.rules)  # what the plugins' connections are held against
tls_sockets.use()

app = Chalice(app_name="pscheduler")
app.api.binary_types = []  # what is binary is decided answer by answer: chalicelib/api/http/answer.py


app.register_middleware(observation.observed, "all")


@app.middleware("all")
def follow_debug(event: Any, get_response: Any) -> Any:
    """Every event, whoever handles it, finds the log as talkative as /debug has it."""
    context = getattr(event, "context", None)  # a request's is a dictionary, and others have other ones
    if not (isinstance(context, dict) and context.get(READS_NOTHING)):
        debug.follow()
    return get_response(event)


# --- pages -------------------------------------------------------------------------------------

page(app, "/", GET=about_node.root)
page(app, "/api", GET=about_node.api)
page(app, "/hostname", GET=about_node.hostname)
page(app, "/clock", GET=about_node.clock)
page(app, "/schedule-horizon", GET=about_node.schedule_horizon)
page(app, "/status", GET=about_node.status)
page(app, "/limits", GET=about_node.limits)
page(app, "/mtu", GET=about_node.mtu_safe)
page(app, "/mtu-safe", GET=about_node.mtu_safe)
page(app, "/nodes", GET=node_pages.list_nodes)
page(app, "/nodes/{node}", GET=node_pages.get_node, PUT=node_pages.put_node, DELETE=node_pages.delete_node)
page(app, "/nodes/{node}/token", POST=node_pages.post_token)
page(app, "/debug", GET=admin.get_debug, PUT=admin.put_debug)
page(app, "/exception", GET=admin.exception)

page(app, "/tests", GET=plugin_pages.tests)
page(app, "/tests/{name}", GET=plugin_pages.test)
page(app, "/tests/{name}/schema", GET=plugin_pages.test_schema)
page(app, "/tests/{name}/spec", GET=plugin_checks.test_spec)
page(
    app,
    "/tests/{name}/spec/is-valid",
    GET=plugin_checks.spec_is_valid,
    POST=plugin_checks.posted_spec_is_valid,
)
page(
    app, "/tests/{name}/participants", GET=plugin_checks.participants, POST=plugin_checks.posted_participants
)
page(app, "/tests/{name}/tools", GET=plugin_checks.test_tools, POST=plugin_checks.posted_test_tools)
page(app, "/tools", GET=plugin_checks.tools, POST=plugin_checks.posted_tools)
page(app, "/tools/{name}", GET=plugin_pages.tool)
page(app, "/tools/{name}/schema", GET=plugin_pages.tool_schema)
page(app, "/archivers", GET=plugin_pages.archivers)
page(app, "/archivers/{name}", GET=plugin_pages.archiver)
page(app, "/archivers/{name}/schema", GET=plugin_pages.archiver_schema)
page(
    app,
    "/archivers/{name}/data-is-valid",
    GET=plugin_checks.archiver_data_is_valid,
    POST=plugin_checks.posted_archiver_data_is_valid,
)
page(app, "/contexts", GET=plugin_pages.contexts)
page(app, "/contexts/{name}", GET=plugin_pages.context)
page(app, "/contexts/{name}/schema", GET=plugin_pages.context_schema)
page(
    app,
    "/contexts/{name}/data-is-valid",
    GET=plugin_checks.context_data_is_valid,
    POST=plugin_checks.posted_context_data_is_valid,
)

page(app, "/tasks", GET=task_list.list_tasks, POST=single_task.post_task)
page(app, "/tasks/cancel", POST=mass_cancel.cancel_tasks)
page(
    app, "/tasks/{task}", GET=single_task.get_task, POST=single_task.join_task, DELETE=single_task.delete_task
)
page(app, "/tasks/{task}/cli", GET=single_task.get_cli)
page(app, "/tasks/{task}/runtimes", GET=single_task.get_runtimes)
page(app, "/tasks/{task}/runs", GET=run_list.list_runs, POST=single_run.post_run)
page(
    app,
    "/tasks/{task}/runs/{run}",
    GET=single_run.get_run,
    PUT=single_run.put_run,
    DELETE=single_run.delete_run,
)
page(app, "/tasks/{task}/runs/{run}/result", GET=run_result.get_result)

page(app, "/schedule", GET=schedule_pages.schedule)
page(app, "/schedule/availability", GET=free_time.availability)
page(app, "/monitor", GET=schedule_pages.monitor)
page(app, "/stat/control/pause", GET=stats.pause)
page(app, "/stat/archiving/backlog", GET=stats.archiving_backlog)
page(app, "/stat/archiving/upcoming", GET=stats.archiving_upcoming)
page(app, "/stat/http-queue/backlog", GET=stats.http_queue_backlog)
page(app, "/stat/http-queue/length", GET=stats.http_queue_length)
page(app, "/stat/runs/{state}", GET=stats.runs)

page(app, "/archivings", GET=archivings.list_archivings)
page(app, "/archivings/retry", POST=archivings.retry_archivings)

page(app, "/series", GET=series_pages.list_series)
page(app, "/series/{series}", GET=series_pages.get_series)

page(app, "/alerts", GET=alert_pages.list_alerts)
page(app, "/alerts/{alert}", GET=alert_pages.get_alert)
page(app, "/alerts/{alert}/check", GET=alert_pages.check)
page(app, "/alerts/{alert}/badge", GET=alert_pages.get_badge)
page(app, "/alert-rules", GET=alert_rule_pages.list_rules)
page(
    app,
    "/alert-rules/{name}",
    GET=alert_rule_pages.get_rule,
    PUT=alert_rule_pages.put_rule,
    DELETE=alert_rule_pages.delete_rule,
)
page(app, "/maintenance-windows", GET=alert_rule_pages.list_windows)
page(
    app,
    "/maintenance-windows/{name}",
    GET=alert_rule_pages.get_window,
    PUT=alert_rule_pages.put_window,
    DELETE=alert_rule_pages.delete_window,
)

page(app, "/events", GET=event_stream.events)

page(app, "/agent/join", POST=agent_joining.join)
page(app, "/agent/rotate", POST=agent_joining.rotate)
page(app, "/agent/leave", POST=agent_joining.leave)
page(app, "/agent/facts", PUT=agent_contact.put_facts)
page(app, "/agent/bell", GET=agent_contact.bell)
page(app, "/agent/contact", POST=agent_contact.contact)
page(app, "/agent/answers", POST=agent_contact.answers)
page(app, "/agent/claims", POST=agent_runs.claims)
page(app, "/agent/starts", POST=agent_runs.starts)
page(app, "/agent/results", POST=agent_runs.results)

page(app, "/healthz", GET=health_pages.healthz)
page(app, "/readyz", GET=health_pages.readyz)
page(app, "/metrics", GET=health_pages.metrics)

page(app, "/ui", GET=ui.index)
page(app, "/ui/{asset}", GET=ui.asset)
page(app, "/openapi.json", GET=openapi_document.openapi)
page(app, "/docs", GET=api_docs.docs)
page(app, "/docs/{asset}", GET=api_docs.asset)

# --- clocks ------------------------------------------------------------------------------------

EVERY_MINUTE = Rate(1, unit=Rate.MINUTES)

plan_tick = app.schedule(EVERY_MINUTE, name="plan")(clock_handlers.plan_tick)
dispatch_tick = app.schedule(EVERY_MINUTE, name="dispatch")(clock_handlers.dispatch_tick)
reap_tick = app.schedule(EVERY_MINUTE, name="reap")(clock_handlers.reap_tick)
archive_tick = app.schedule(EVERY_MINUTE, name="archive")(clock_handlers.archive_tick)

# --- queues: one message at a time, so that a failure retries nothing else ------------------------


def _on(queue: Queue) -> Any:
    return app.on_sqs_message(queue=queue.full_name, batch_size=1, name=queue.handler)


plan_task = _on(queues.PLAN)(queue_handlers.plan_task)
ask_peers = _on(queues.PEERS)(queue_handlers.ask_peers)
run = _on(queues.RUNS)(queue_handlers.run)
deliver = _on(queues.DELIVERIES)(queue_handlers.deliver)

if ON_AWS:
    logs.structure(logging.getLogger(), app.log)
    process_counters.count(COLD_STARTS)
    snapshots.differ_when_restored()
    connection.connect()  # now, while Lambda gives a start all of a processor, not in the first request

gc.freeze()
gc.enable()

if os.environ.get("PSCHEDULER_ENGINE") == "embedded":
    # `chalice local --stage local`: the whole node in this one process. Never so on AWS.
    from local import inprocess

    inprocess.start(app)
