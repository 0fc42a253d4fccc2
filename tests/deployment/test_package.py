"""The proof of a deployment: what Chalice packages works on its own, in an empty folder."""

import copy
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import uuid
import zipfile
from typing import Any

import pytest

from chalicelib.domain import messages
from chalicelib.domain.messages import (
    AttemptDelivery,
    AttemptOutboxRequest,
    Message,
    PerformRun,
    PlanShard,
    PlanTask,
    ProbeParticipants,
)
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.queues import QUEUES, Queue
from local import package as packaging
from local.deployment import stage_template
from local.deployment.stage import Stage
from local.ministack import MiniStack

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
def unzipped(package: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("unzipped")
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        archive.extractall(folder)
    return folder


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


def message(queue: Queue, sent: Message) -> dict[str, Any]:
    record = {"messageId": "1", "receiptHandle": "r", "body": json.dumps(messages.to_json(sent))}
    return {
        "Records": [{**record, "eventSource": "aws:sqs", "eventSourceARN": f"arn:aws:sqs:x:1:{queue.name}"}]
    }


def run_alone(folder: pathlib.Path, events: list[Any], tmp_path: pathlib.Path) -> list[Any]:
    """What handlers of an unzipped package return, in a process that has nothing but it."""
    (tmp_path / "events.json").write_text(json.dumps(events))
    command = [sys.executable, "-I", "-c", PROGRAM, str(folder), str(tmp_path / "events.json")]
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "f"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


TICK = {
    "version": "0",
    "id": "1",
    "account": "1",
    "region": "us-east-1",
    "detail": {},
    "resources": [],
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-11-23T12:00:00Z",
}
NODE, TASK, RUN = NodeName("local"), TaskId(str(uuid.uuid4())), RunId(str(uuid.uuid4()))
EVENTS: dict[str, list[Any]] = {
    **{clock: [TICK] for clock in ("Plan", "Dispatch", "Reap", "Archive")},
    "PlanTask": [message(queues.PLAN, PlanShard(NODE, 0)), message(queues.PLAN, PlanTask(NODE, TASK))],
    "AskPeers": [
        message(queues.PEERS, AttemptOutboxRequest(NODE, "none")),
        message(queues.PEERS, ProbeParticipants(NODE, 0, (TASK,))),
    ],
    "Run": [message(queues.RUNS, PerformRun(NODE, TASK, RUN))],
    "Deliver": [message(queues.DELIVERIES, AttemptDelivery(NODE, RUN, 0))],
    "APIHandler": [
        page("/tests"),
        page("/tasks"),
        page("/status"),
        page("/openapi.json"),
        asset("swagger-ui-bundle.js"),
        page("/schedule", format="svg"),
        page("/schedule", format="png"),
    ],
}
"""Events for every function. What they are about is not there: each has to find that out for itself."""


def test_every_function_works_on_its_own(
    unzipped: pathlib.Path, template: dict[str, Any], ministack_engine: MiniStack, tmp_path: pathlib.Path
) -> None:
    handlers = functions(template)
    assert EVENTS.keys() == handlers.keys()
    events = [(handlers[name], event) for name, some in EVENTS.items() for event in some]

    *others, tests, tasks, status, document, bundle, svg, png = run_alone(unzipped, events, tmp_path)

    assert all(answer in (None, {"batchItemFailures": []}) for answer in others)
    assert "https://example.test/pscheduler/tests/rtt" in json.loads(tests["body"])
    assert (tasks["statusCode"], json.loads(tasks["body"])) == (200, [])
    services = json.loads(status["body"])["services"]
    assert {name: service["updates"] for name, service in services.items()} == dict.fromkeys(services, 1)
    assert json.loads(document["body"])["servers"] == [{"url": "https://example.test/pscheduler"}]
    assert "SwaggerUIBundle" in bundle["body"]
    assert (svg["statusCode"], svg["body"][:4], png["statusCode"]) == (200, "<svg", 501)


def test_the_package_is_small_and_holds_what_functions_need(
    package: pathlib.Path, unzipped: pathlib.Path
) -> None:
    assert (package / "deployment.zip").stat().st_size < packaging.LARGEST <= 9_000_000
    found = {path.relative_to(unzipped).as_posix() for path in unzipped.rglob("*") if path.is_file()}
    tops = {name.partition("/")[0] for name in found}

    assert not tops & {"boto3", "s3transfer", "local", "tests", "docs", "bench"}
    services = {
        name.split("/")[2] for name in found if name.startswith("botocore/data/") and name.count("/") > 2
    }
    assert services == packaging.SERVICES
    sources = {path for path in found if path.endswith(".py") and not path.startswith("pysnmp/")}
    assert all(path.startswith(packaging.OWN) for path in sources)  # of libraries there is bytecode alone
    assert all(importlib.util.cache_from_source(source) in found for source in sources)


def test_bytecode_is_what_the_interpreter_loads(unzipped: pathlib.Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import chalicelib.settings as s; print(s.__cached__)"
    )
    command = [sys.executable, "-v", "-I", "-c", program, str(unzipped)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert "matches" in done.stderr
    assert f"code object from '{unzipped}" in done.stderr
    assert f"wrote {unzipped}" not in done.stderr


def test_plugins_reach_every_service_that_their_clients_are_for(unzipped: pathlib.Path) -> None:
    program = (
        "import sys; sys.path[:] = [sys.argv[1], *(p for p in sys.path if 'site-packages' not in p)]\n"
        "from plugins.support.aws_client import guarded_client\n"
        "for service in sys.argv[2:]:\n"
        "    made = guarded_client(service, 1, region_name='eu-central-1', aws_access_key_id='a',"
        " aws_secret_access_key='b', endpoint_url='https://127.0.0.1')\n"
        "    print(service, len(made.meta.service_model.operation_names))"
    )
    command = [sys.executable, "-I", "-c", program, str(unzipped), *sorted(packaging.SERVICES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(packaging.SERVICES)


LIBRARIES = (
    *("asn1crypto.x509", "croniter", "ddsketch", "dns.query", "dns.resolver", "idna", "ifaddr", "isodate"),
    *("jq", "jsonschema", "pg8000.native", "pika", "pysnmp.hlapi.v3arch.asyncio"),
)
"""What is imported where it is used, some of it by one tool or archiver alone."""


def test_libraries_that_are_imported_late_are_whole(unzipped: pathlib.Path) -> None:
    program = (
        "import importlib, sys\n"
        "sys.path[:] = [sys.argv[1], *(p for p in sys.path if 'site-packages' not in p)]\n"
        "for name in sys.argv[2:]:\n"
        "    assert importlib.import_module(name).__file__.startswith(sys.argv[1]), name\n"
        "import dns.resolver\n"
        "assert str(dns.resolver.LifetimeTimeout(timeout=1, errors=[]))\n"
        "from plugins import registry\n"
        "assert registry.tests() and registry.tools() and registry.archivers() and registry.contexts()\n"
    )
    command = [sys.executable, "-I", "-c", program, str(unzipped), *LIBRARIES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


def test_a_package_of_the_same_sources_is_told_to_be_the_same(
    package: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """That what is packaged twice is the same but for its bytecode, ``tests/docs/test_deploy.py`` finds."""
    made, again = package / "deployment.zip", tmp_path / "again.zip"
    with zipfile.ZipFile(made) as before, zipfile.ZipFile(again, "w") as after:
        for name in reversed(before.namelist()):
            after.writestr(name, before.read(name) + (b"otherwise" if name.endswith(".pyc") else b""))
    assert packaging.digest(again) == packaging.digest(made)

    with zipfile.ZipFile(again, "a") as archive:
        archive.writestr("chalicelib/more.py", "")

    assert packaging.digest(again) != packaging.digest(made)


def test_every_function_has_the_timeout_its_queue_is_made_for(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    for queue in QUEUES:
        name = "".join(word.title() for word in queue.handler.split("_"))
        assert resources[name]["Properties"]["Timeout"] == queue.timeout


def test_queues_are_bound_to_their_functions_by_reference(template: dict[str, Any]) -> None:
    run = template["Resources"]["Run"]["Properties"]["Events"]["RunSqsEventSource"]["Properties"]

    assert run["Queue"] == {"Fn::Sub": "${RunsQueue.Arn}"}
    assert run["BatchSize"] == 1


CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef"
LARGEST_TEMPLATE = 1_000_000
"""Bytes that CloudFormation reads of a template."""


STAGES = {
    "usual": Stage("lab", "lab"),
    "everything": Stage(
        "lab",
        "lab",
        access="iam",
        sources=("192.0.2.0/24",),
        domain={"name": "*.mesh.example.net", "certificate": CERTIFICATE},
        environment={"PSCHEDULER_LIMITS": "s3://policies/lab.json"},
        provisioned={"Run": 1, "Plan": 1, "APIHandler": 2},
        at_a_time={"Run": 1000},
    ),
    "snapshots": Stage("lab", "lab", snap_start=("APIHandler", "Run", "Reap"), provisioned={"Dispatch": 1}),
}
LINT = """
import dataclasses, functools, gc, sys
gc.disable()
dataclasses.fields = functools.cache(dataclasses.fields)  # asked half a million times for the same two
from cfnlint.runner import main
sys.exit(main())
"""


@pytest.mark.slow(20)
@pytest.mark.timeout(900)
def test_linters_find_nothing_in_the_template(template: dict[str, Any], tmp_path: pathlib.Path) -> None:
    (tmp_path / "deployment.zip").touch()  # what it says that functions are made of
    made = copy.deepcopy(template)
    for name in functions(made):
        made["Resources"][name]["Properties"]["Runtime"] = "python3.12"  # the first that has snapshots
    for name, stage in STAGES.items():
        applied = stage_template.applied(stage, made)
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(applied))
        assert file.stat().st_size < LARGEST_TEMPLATE
        if name != "usual":
            _leave_a_path_of_each_kind(applied)
            file.write_text(json.dumps(applied))

    command = [sys.executable, "-c", LINT, "--template", *(str(tmp_path / f"{name}.json") for name in STAGES)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)

    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def _leave_a_path_of_each_kind(template: dict[str, Any]) -> None:
    """Of pages that are alike but for their names, one: a linter takes as long for each."""
    body = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    alike = {json.dumps(methods, sort_keys=True): path for path, methods in body["paths"].items()}
    body["paths"] = {path: body["paths"][path] for path in alike.values()}


def test_every_function_knows_the_bucket(template: dict[str, Any]) -> None:
    for name in functions(template):
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["PSCHEDULER_BUCKET"] == {"Ref": "ResultsBucket"}
        assert variables["PSCHEDULER_LONGEST_RUN"] == "840"
