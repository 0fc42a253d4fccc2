"""The proof of a deployment: what Chalice packages works on its own, in an empty folder."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile
from typing import Any

import pytest

from local.ministack import MiniStack

HERE = pathlib.Path(__file__).resolve().parent.parent.parent
PARTS = ("app.py", "chalicelib", "plugins", "vendor", ".chalice", "requirements.txt")

# Nothing but the unzipped folder is importable besides the interpreter's own library.
PROGRAM = """
import importlib, json, sys
folder, events = sys.argv[1], json.load(open(sys.argv[2]))
sys.path[:] = [folder, *(path for path in sys.path if "site-packages" not in path)]
class Context:
    function_name = "f"; memory_limit_in_mb = 128; aws_request_id = "1"
    def get_remaining_time_in_millis(self): return 30000
answers = []
for handler, event in events:
    module, name = handler.rsplit(".", 1)
    answers.append(getattr(importlib.import_module(module), name)(event, Context()))
assert all(m.__file__.startswith(folder) for n, m in sys.modules.items()
           if n.split(".")[0] in ("chalice", "pynamodb", "botocore", "plugins", "chalicelib", "app"))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder ``chalice package`` wrote, from a copy without caches."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("package")
    for part in PARTS:
        ignore = shutil.ignore_patterns("__pycache__", "deployments", "deployed", "venv")
        if (HERE / part).is_dir():
            shutil.copytree(HERE / part, copy / part, symlinks=True, ignore=ignore)
        else:
            shutil.copy(HERE / part, copy / part)
    command = [
        *(sys.executable, "-c", "from chalice.cli import main; main()", "package", "--stage", "pscheduler"),
        *("--merge-template", ".chalice/resources.json", str(out)),
    ]
    environment = {**os.environ, "PYTHONPATH": str(copy / "vendor")}
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def template(package: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "sam.json").read_text())
    return found


def functions(template: dict[str, Any]) -> dict[str, str]:
    """Handlers by the function's name in the template."""
    return {
        name: one["Properties"]["Handler"]
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::Serverless::Function"
    }


def page(path: str, **query: str) -> dict[str, Any]:
    return {
        "httpMethod": "GET",
        "path": path,
        "resource": path,
        "headers": {"Host": "example.test", "X-Forwarded-Proto": "https"},
        "multiValueHeaders": {},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": path,
            "path": f"/pscheduler{path}",
            "stage": "pscheduler",
            "identity": {"sourceIp": "192.0.2.1"},
        },
    }


def asset(name: str) -> dict[str, Any]:
    event = page("/docs/{asset}")
    event["requestContext"]["path"] = f"/pscheduler/docs/{name}"
    return {**event, "path": f"/docs/{name}", "pathParameters": {"asset": name}}


def test_the_package_answers_a_page_and_a_tick_on_its_own(
    package: pathlib.Path,
    template: dict[str, Any],
    ministack_engine: MiniStack,
    tmp_path: pathlib.Path,
) -> None:
    folder = tmp_path / "unzipped"
    zipfile.ZipFile(package / "deployment.zip").extractall(folder)
    handlers = functions(template)
    tick = {"version": "0", "id": "1", "account": "1", "region": "us-east-1", "detail": {}}
    tick |= {
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "resources": [],
        "time": "2026-11-23T12:00:00Z",
    }
    events = [
        (handlers["APIHandler"], page("/tests")),
        (handlers["APIHandler"], page("/tasks")),
        (handlers["Plan"], tick),
        (handlers["APIHandler"], page("/status")),
        (handlers["APIHandler"], page("/openapi.json")),
        (handlers["APIHandler"], asset("swagger-ui-bundle.js")),
        (handlers["APIHandler"], page("/schedule", format="svg")),
        (handlers["APIHandler"], page("/schedule", format="png")),
    ]
    (tmp_path / "events.json").write_text(json.dumps(events))

    command = [sys.executable, "-I", "-c", PROGRAM, str(folder), str(tmp_path / "events.json")]
    done = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    tests, tasks, planned, status, document, bundle, *charts = json.loads(done.stdout.splitlines()[-1])
    assert "https://example.test/pscheduler/tests/rtt" in json.loads(tests["body"])
    assert (tasks["statusCode"], json.loads(tasks["body"]), planned) == (200, [], None)
    assert json.loads(status["body"])["services"]["scheduler"]["updates"] == 1
    assert json.loads(document["body"])["servers"] == [{"url": "https://example.test/pscheduler"}]
    assert "SwaggerUIBundle" in bundle["body"]
    assert [(chart["statusCode"], chart["body"][:4]) for chart in charts] == [(200, "<svg"), (501, "form")]


def test_every_function_has_the_timeout_its_queue_is_made_for(template: dict[str, Any]) -> None:
    from chalicelib.infrastructure.queues import QUEUES

    resources = template["Resources"]
    for queue in QUEUES:
        name = "".join(word.title() for word in queue.handler.split("_"))
        assert resources[name]["Properties"]["Timeout"] == queue.timeout


def test_queues_are_bound_to_their_functions_by_reference(template: dict[str, Any]) -> None:
    run = template["Resources"]["Run"]["Properties"]["Events"]["RunSqsEventSource"]["Properties"]

    assert run["Queue"] == {"Fn::Sub": "${RunsQueue.Arn}"}
    assert run["BatchSize"] == 1


def test_every_function_knows_the_bucket(template: dict[str, Any]) -> None:
    for name in functions(template):
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["PSCHEDULER_BUCKET"] == {"Ref": "ResultsBucket"}
        assert variables["PSCHEDULER_LONGEST_RUN"] == "840"
