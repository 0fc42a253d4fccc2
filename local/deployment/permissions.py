"""What each function may do, and to which resources: what it does, and nothing else.

``grants.json`` says it, by function and resource: ``table NAME``, ``index TABLE/NAME``, ``stream TABLE``,
``queue NAME`` and ``bucket results``; ``queue agent`` is those of all agents. It is what the tests were seen
to do: ``make test`` fails where a function does what it may not, or may do what it does not, and ``make
permissions`` writes it anew (``tests/permissions/``).
"""

import functools
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.infrastructure.agent_queues import NAMED
from chalicelib.infrastructure.queues import DEAD_LETTERS, QUEUES
from local.deployment.resource_names import API, FUNCTIONS, arn, function_of, queue_id, queues_arn, table_arn

FILE = pathlib.Path(__file__).resolve().parent / "grants.json"
EVERY = "every function"
"""Under this name: what all may do. What is looked up once a process is looked up by whoever comes first."""

Grants = Mapping[str, Mapping[str, Sequence[str]]]
"""Functions, resources, actions."""

_SERVICES = {"table": "dynamodb", "index": "dynamodb", "stream": "dynamodb", "queue": "sqs", "bucket": "s3"}
_TAKING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""What Lambda does for a function whose queue it reads."""


@functools.cache
def grants() -> Grants:
    """What is granted, as the file has it."""
    found: Grants = json.loads(FILE.read_text())
    return found


def resources() -> dict[str, Any]:
    """The roles that Chalice makes, with our policies."""
    return {_role(name): {"Properties": {"Policies": [_policy(name)]}} for name in FUNCTIONS}


def _role(function: str) -> str:
    return "ApiHandlerRole" if function == API else f"{function}Role"


def _policy(function: str) -> dict[str, Any]:
    return {
        "PolicyName": f"{function}Policy",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": statements(function)},
    }


def statements(function: str) -> list[dict[str, Any]]:
    """A function's policy, a statement for each set of actions with all it is for."""
    together: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for resource, actions in sorted(granted(function).items()):
        service = _SERVICES[resource.partition(" ")[0]]
        named = tuple(f"{service}:{action}" for action in sorted(actions))
        together.setdefault(named, []).append(_arn(resource))
    logs = ("logs:CreateLogStream", "logs:PutLogEvents")
    together[logs] = [{"Fn::Sub": "${Log.Arn}"}]
    return [
        {"Effect": "Allow", "Action": list(actions), "Resource": where} for actions, where in together.items()
    ]


def granted(function: str) -> dict[str, set[str]]:
    """What a function may do: what is granted to it, to all, and to Lambda on its behalf."""
    found: dict[str, set[str]] = {}
    for whose in (EVERY, function):
        for resource, actions in grants().get(whose, {}).items():
            found.setdefault(resource, set()).update(actions)
    for queue in QUEUES:
        if function_of(queue.handler) == function:
            found.setdefault(f"queue {queue.name}", set()).update(_TAKING)
    if function == API:
        found.setdefault(f"queue {NAMED}", set()).add("ReceiveMessage")  # which it signs for agents
    return found


def _arn(resource: str) -> dict[str, Any]:
    kind, _, name = resource.partition(" ")
    match kind:
        case "table":
            return table_arn(name)
        case "index":
            table, _, index = name.partition("/")
            return table_arn(table, f"/index/{index}")
        case "stream":
            return table_arn(name, "/stream/*")  # the last part is when it was made
        case "queue" if name == NAMED:
            return queues_arn(f"{NAMED}-*")
        case "queue":
            return arn("DeadLetterQueue" if name == DEAD_LETTERS else queue_id(name))
        case _:
            return {"Fn::Sub": "${ResultsBucket.Arn}/*"}
