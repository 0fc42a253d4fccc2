"""/healthz, /readyz and /metrics, and what /status says of dead letters."""

import datetime as dt

import pytest
from botocore.exceptions import ClientError
from chalice.app import SQSEvent
from pynamodb.exceptions import PutError

from chalicelib.domain import telemetry
from chalicelib.domain.messages import PlanTask
from chalicelib.domain.names import TaskId
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import logs, queues
from chalicelib.infrastructure import process_counters as counted
from chalicelib.infrastructure.aws import client
from chalicelib.service.node import health, heartbeats
from chalicelib.service.series import points
from chalicelib.service.tasks import create
from chalicelib.store import disk_space, node_table, run_table
from tests.api.conftest import IDLE, Api
from tests.builders import NODE, NOON, run, task

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def test_a_node_that_answers_lives(api: Api) -> None:
    assert api.get("/healthz") == "OK\n"


def test_a_node_with_nothing_to_do_is_ready(api: Api) -> None:
    assert api.get("/readyz") == "OK\n"


def test_a_node_is_not_ready_while_a_run_is_due_and_nobody_takes_it(api: Api) -> None:
    path = api.post_task(schedule={"start": "PT1H"})
    uuid = path.rsplit("/", 1)[-1]
    found = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "none")

    assert health.troubles(NODE, found.start + dt.timedelta(seconds=59)) == []
    (said,) = health.troubles(NODE, found.start + dt.timedelta(seconds=119))
    assert said == "A run that was due PT1M59S ago waits to be dispatched"


def test_a_node_is_not_ready_while_a_clock_stands_still(api: Api) -> None:
    heartbeats.beat("scheduler", dt.datetime.now(UTC) - dt.timedelta(minutes=2))

    said = api.get("/readyz", 503)

    assert said.startswith("The scheduler is overdue by PT")


def test_a_node_is_not_ready_from_a_refusal_for_want_of_room_until_there_is_some(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = ClientError({"Error": {"Code": "StorageFull", "Message": "no space"}}, "PutItem")

    def refused(*_: object) -> None:
        raise PutError("", full)

    monkeypatch.setattr(disk_space, "TRY_EVERY", 0.0)
    with monkeypatch.context() as filled:
        filled.setattr(create, "_store", refused)
        filled.setattr(node_table, "write", refused)
        assert api.get("/readyz") == "OK\n"  # nobody has noticed anything
        assert api.ask("POST", "/tasks", IDLE)[0] == 507
        assert api.get("/readyz", 503) == "The disk is full: tasks and results are refused\n"
        assert api.get("/healthz") == "OK\n"

    assert api.get("/readyz") == "OK\n"


def test_who_accepts_open_metrics_gets_them(api: Api) -> None:
    api.post_task()

    status, text = api.ask("GET", "/metrics", Accept=OPEN_METRICS)

    assert status == 200
    assert api.headers["Content-Type"] == telemetry.CONTENT_TYPE
    assert text.endswith("# EOF\n")
    assert 'perfsonar_pscheduler_runs{state="pending"} 1\n' in text
    for metric in (*telemetry.WATCHED, telemetry.PAUSED, telemetry.ARCHIVING, telemetry.HTTP_QUEUE):
        assert f"# TYPE {metric.name} " in text


def test_others_get_the_older_format(api: Api) -> None:
    status, text = api.ask("GET", "/metrics")

    assert (status, api.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "# EOF" not in text


def test_what_was_measured_last_is_among_the_metrics_with_its_time(api: Api) -> None:
    document = {"schema": 1, "test": {"type": "rtt", "spec": {"dest": "b.example"}}, "tool": "ping"}
    owner = task(document={**document, "schedule": {}})
    result = {"succeeded": True, "loss": 0.0, "roundtrips": [], "mean": "PT0.0015S"}
    over = run(owner, 0, state=State.FINISHED).with_documents(result_merged=result)
    points.leave(owner, over, NOON)

    lines = api.get("/metrics").splitlines()

    (line,) = (
        one for one in lines if one.startswith("pscheduler_series_value{") and 'metric="rtt.mean"' in one
    )
    assert 'test="rtt"' in line
    assert line.endswith(f"}} 1.5 {NOON.timestamp() * 1000:.0f}")


def test_changes_of_runs_and_lost_writes_are_counted(api: Api) -> None:
    counted.forget()
    api.run(api.post_task())

    found = {(one.metric, one.labels.get("state")): one.value for one in counted.samples()}

    assert found[telemetry.RUNS, "finished"] == 1
    assert found[telemetry.REQUESTS, None] >= 1


def test_dead_letters_are_counted(api: Api) -> None:
    assert api.get("/status")["dead-letters"] == 0
    name = f"{queues.settings().prefix}-{queues.DEAD_LETTERS}"
    sqs = client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody="{}")

    assert api.get("/status")["dead-letters"] == 0  # the queues are asked once a second

    heartbeats.forget()
    assert api.get("/status")["dead-letters"] == 1
    assert "\npscheduler_dead_letters 1\n" in api.get("/metrics")


def test_cloudwatch_is_told_what_waits_on_aws_alone(
    api: Api, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = dt.datetime.now(UTC)
    health.tick(now)
    assert capsys.readouterr().out == ""

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "reap")
    health.tick(now)

    assert '"pscheduler_oldest_due_run_seconds":0.0' in capsys.readouterr().out


def test_what_is_done_later_has_the_correlation_id_of_what_led_to_it(api: Api) -> None:
    seen: list[str | None] = []

    with logs.about(correlation="desk-7"):
        queues.send(queues.PLAN, PlanTask(NODE, TaskId("t1")))
    body = client("sqs").receive_message(QueueUrl=queues.queue_url("plan"))["Messages"][0]["Body"]
    record = {"messageId": "m", "receiptHandle": "r", "body": body}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue_handlers, "handle", lambda *_: seen.append(logs.correlation()))
        queue_handlers.plan_task(SQSEvent({"Records": [record]}, None))

    assert seen == ["desk-7"]
