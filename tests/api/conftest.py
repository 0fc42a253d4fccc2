"""Pages through chalice's test client."""

import contextlib
import functools
import gzip
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.local import LambdaEventConverter
from chalice.test import BaseClient, Client

from chalicelib.domain.run import Run
from chalicelib.store import run_table
from plugins import registry
from tests.builders import NODE
from tests.contract import Contract
from tests.service.machines import FakeMachine, perform_all


class Api:
    """A client that speaks JSON, from this host unless ``call_from`` says otherwise."""

    def __init__(self, client: Client):
        self.client = client

    def call_from(self, address: str) -> None:
        """Come from another address from now on."""
        LambdaEventConverter.LOCAL_SOURCE_IP = address

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, value): JSON decoded, text as it is."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Host": "node.test", **headers}
        answer = self.client.http.request(method, path, headers=sent, body=content)
        self.headers = answer.headers
        self.body = answer.body
        kind = self.headers.get("Content-Type", "")
        _contract().check(method, path, answer.status_code, kind, _unpacked(answer))
        text = answer.body.decode(errors="replace")
        is_json = kind.endswith("json")
        return answer.status_code, json.loads(text) if is_json and text else text

    def get(self, path: str, status: int = 200) -> Any:
        got, value = self.ask("GET", path)
        assert got == status, value
        return value

    def run(self, task: str) -> Run:
        """Let the first run of a task happen at once; the run as it then is."""
        uuid = task.rsplit("/", 1)[-1]
        first = run_table.get(NODE, uuid, run_table.first(NODE, uuid) or "none")
        perform_all(NODE, uuid, first.uuid, FakeMachine(first.start))
        return run_table.get(NODE, uuid, first.uuid)

    def post_task(self, **changes: Any) -> str:
        """Post an idle task, changed as asked; its path."""
        status, href = self.ask("POST", "/tasks", {**IDLE, **changes})
        assert status == 200, href
        return str(href).removeprefix("http://node.test")


def _contract() -> Contract:
    """The node's own document: whatever a test asks for, the answer is held against it."""
    return _contract_with(tuple(registry.tests()), tuple(registry.tools()))


@functools.cache
def _contract_with(tests: tuple[str, ...], tools: tuple[str, ...]) -> Contract:
    from chalicelib.api.openapi import openapi_document, plugin_schemas

    for made in (
        openapi_document.document,
        *vars(plugin_schemas).values(),
    ):  # some tests add plugins of their own
        if hasattr(made, "cache_clear"):
            made.cache_clear()
    return Contract(openapi_document.document())


def _unpacked(answer: Any) -> bytes:
    body: bytes = answer.body
    return gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" and body else body


IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}


@pytest.fixture
def api(empty_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    from app import app

    # It puts a copy in the place of os.environ for each request: of several at once, one would stay there.
    monkeypatch.setattr(BaseClient, "_patched_env_vars", lambda client, variables: contextlib.nullcontext())
    with Client(app) as client:
        yield Api(client)
    LambdaEventConverter.LOCAL_SOURCE_IP = "127.0.0.1"


def query(path: str, **arguments: str) -> str:
    """A path with arguments, encoded; an underscore in a name stands for a hyphen."""
    named = {name.replace("_", "-"): text for name, text in arguments.items()}
    return f"{path}?{urllib.parse.urlencode(named)}"
