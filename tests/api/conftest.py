"""Pages through chalice's test client, on moto."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.test import Client


class Api:
    """A client that speaks JSON; ``caller`` is the address it comes from."""

    def __init__(self, client: Client):
        self.client = client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, value): JSON decoded, text as it is."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Host": "node.test", **headers}
        answer = self.client.http.request(method, path, headers=sent, body=content)
        self.headers = answer.headers
        text = answer.body.decode()
        is_json = self.headers.get("Content-Type") == "application/json"
        return answer.status_code, json.loads(text) if is_json and text else text

    def get(self, path: str, status: int = 200) -> Any:
        got, value = self.ask("GET", path)
        assert got == status, value
        return value

    def post_task(self, **changes: Any) -> str:
        """Post an idle task, changed as asked; its path."""
        status, href = self.ask("POST", "/tasks", {**IDLE, **changes})
        assert status == 200, href
        return str(href).removeprefix("http://node.test")


IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}


@pytest.fixture
def api(moto_engine: None) -> Iterator[Api]:
    from app import app

    with Client(app) as client:
        yield Api(client)
