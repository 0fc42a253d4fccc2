"""A node put on AWS, as far as MiniStack is AWS: deployed, asked, driven by its clocks and queues, removed.

Nothing of the test takes part but as a client: ticks come from the stack's rules, messages from its queues.
"""

import contextlib
import functools
import io
import json
import os
import pathlib
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

import pytest

from local import deploy, environment, keys, ministack
from local import package as packaging
from local.deployment import stage as stages
from local.deployment.stack import Stack
from tests.conftest import forget, ministack_python

SERVICES = (
    "apigateway,cloudformation,dynamodb,dynamodbstreams,events,iam,lambda,logs,monitoring,s3,sns,sqs,sts"
)
PATIENCE = 240.0
STAGE = "trial"
TASK = {
    "schema": 1,
    "test": {"type": "idle", "spec": {"duration": "PT1S"}},
    "schedule": {"start": "PT90S", "repeat": "PT2M", "max-runs": 2},
}
"""The first of its runs is placed and dispatched as it is posted, the second by a queue and a tick."""
HEAD_START = "30"
"""Seconds: MiniStack starts several functions at once, in processes that a busy machine is slow to begin."""

pytestmark = [pytest.mark.slow(50), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack(package: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of a stage, deployed by the command that operators use, of a package that is made already."""
    kept = dict(os.environ)
    folder = tmp_path_factory.mktemp("aws")
    for name in [name for name in os.environ if name.startswith("PSCHEDULER_")]:
        del os.environ[name]  # MiniStack's functions would have them too
    (folder / f"{STAGE}.json").write_text(json.dumps({"environment": {"PSCHEDULER_HEAD_START": HEAD_START}}))
    running, _ = ministack.start(ministack_python(), folder, SERVICES)
    environment.set_environment(running.endpoint)
    forget()
    try:
        with (
            mock.patch.object(stages, "read", functools.partial(stages.read, folder=folder)),
            mock.patch.object(packaging, "package", functools.partial(_copied, package)),
            mock.patch.object(deploy, "Stack", functools.partial(Stack, delay=1)),
        ):
            assert deploy.main([STAGE, "--yes"]) == 0
            yield Stack(f"pscheduler-{STAGE}", delay=0.2)
    finally:
        os.environ.clear()
        os.environ.update(kept)
        forget()
        running.stop()


def _copied(package: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    return pathlib.Path(shutil.copytree(package, out, dirs_exist_ok=True)) / "deployment.zip"


@pytest.fixture(scope="module")
def api(stack: Stack) -> str:
    """The API's root as MiniStack serves it, who has no names of its own."""
    rest = stack.outputs()["RestAPIId"]
    return f"{os.environ['AWS_ENDPOINT_URL']}/restapis/{rest}/pscheduler/_user_request_"


def ask(url: str, document: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """The status and the JSON of an answer, or its text."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def told(api: str, since: str = "") -> list[dict[str, Any]]:
    """What the node tells of what happened since, read from the streams of its tables."""
    with urllib.request.urlopen(f"{api}/events?wait=5&since={since}", timeout=60) as answer:
        return [json.loads(line) for line in answer.read().splitlines()]


def new_key(name: str) -> dict[str, str]:
    """The header with a new API key, made by the command that operators use."""
    with contextlib.ExitStack() as undo:
        undo.callback(forget)
        said = undo.enter_context(contextlib.redirect_stdout(io.StringIO()))
        assert keys.main(["--stage", STAGE, "add", name]) == 0
    return {"Authorization": f"Bearer {said.getvalue().strip()}"}


def wait_for(what: Any, every: float = 1) -> Any:
    """What a question comes to be answered with, once that is something; asked every so many seconds."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(every)
    return found


@pytest.fixture(scope="module")
def task(stack: Stack, api: str) -> str:
    """A task, posted before all else: its runs come up while the rest is tried."""
    status, href = ask(f"{api}/tasks", TASK, new_key("desk"))
    assert status == 200, href
    return f"{api}/tasks/{href.rsplit('/', 1)[-1]}"


def test_a_node_knows_its_name_and_lets_in_who_has_a_key(stack: Stack, api: str, task: str) -> None:
    assert ask(f"{api}/hostname") == (200, stack.hostname())
    assert ask(task)[0] == 200
    assert ask(f"{api}/tasks", TASK)[0] == 403


def test_what_happens_is_told_from_the_streams_of_the_tables(api: str) -> None:
    key = new_key("listener")
    (begun,) = told(api)

    href = ask(f"{api}/tasks", {**TASK, "schedule": {"start": "PT1H"}}, key)[1]

    found: list[Any] = []
    cursor = begun["cursor"]

    def heard() -> Any:
        nonlocal cursor
        found.extend(told(api, cursor))
        cursor = found[-1]["cursor"]
        about = [(each["type"], each["state"]) for each in found if each.get("task", "-") in href]
        return about if len(about) == 2 else None

    assert begun["type"] == "begin"
    assert sorted(wait_for(heard)) == [("run", "pending"), ("task", "added")]


def test_what_fails_five_times_is_put_aside(stack: Stack) -> None:
    from chalicelib.infrastructure.aws import client

    forget()
    sqs = client("sqs")
    prefix, dead = stack.outputs()["Prefix"], stack.outputs()["DeadLetterQueue"]
    queue = sqs.get_queue_url(QueueName=f"{prefix}-plan")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})

    sqs.send_message(QueueUrl=queue, MessageBody='{"kind": "Nonsense"}')

    put_aside = wait_for(lambda: sqs.receive_message(QueueUrl=dead).get("Messages"))
    assert json.loads(put_aside[0]["Body"]) == {"kind": "Nonsense"}


def test_nothing_changes_where_nothing_was_changed(
    stack: Stack, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deploy.main([STAGE, "--dry-run"]) == 0

    assert "is up to date" in capsys.readouterr().out
    assert ask(f"{api}/hostname")[0] == 200


def test_a_task_is_measured_and_its_results_are_read(api: str, task: str) -> None:
    def finished() -> list[Any]:
        runs = [ask(f"{task}/runs/{one.rsplit('/', 1)[-1]}")[1] for one in ask(f"{task}/runs")[1]]
        over = [run for run in runs if run["state"] not in ("pending", "on-deck", "running", "cleanup")]
        return runs if len(over) == 2 else []

    runs = wait_for(finished, every=5)
    assert [(run["state"], run.get("reason")) for run in runs] == [("finished", None)] * 2
    assert [run["result-merged"]["succeeded"] for run in runs] == [True, True]

    described = wait_for(lambda: _all_alive(ask(f"{api}/status")[1]))
    assert described["runs"]["last-finished"] is not None


def _all_alive(status: Any) -> Any:
    """The status, once every clock has ticked."""
    return status if all(one["updates"] for one in status["services"].values()) else None


def test_a_stack_that_is_removed_leaves_its_tables_to_the_next(
    stack: Stack, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    from chalicelib.infrastructure.aws import client

    prefix = stack.outputs()["Prefix"]

    assert deploy.main([STAGE, "--remove", "--yes"]) == 0
    said = capsys.readouterr().out
    assert f'"Tables": "{prefix}"' in said
    assert f"{prefix}-tasks" in client("dynamodb").list_tables()["TableNames"]

    assert deploy.main([STAGE, "--yes"]) == 0  # the names of what stayed are in nobody's way
    assert stack.outputs()["Prefix"] != prefix
