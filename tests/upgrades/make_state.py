"""What this version leaves in its tables, as a fixture: ``python -m tests.upgrades.make_state FILE``.

A repeating task with an archive whose first run is over and measured, one whose run is to come, one that
takes up its time alone, and what the node notes of itself. Nothing is used here but what every version has.
"""

import base64
import datetime as dt
import json
import os
import pathlib
import sys
from typing import Any

from local import engine_moto, environment

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}}
TASKS: dict[str, dict[str, Any]] = {
    "measured": {
        **IDLE,
        "schedule": {"start": "PT10M", "repeat": "PT1H"},
        "archives": [{"archiver": "bitbucket", "data": {}}],
    },
    "planned": {**IDLE, "schedule": {"start": "PT20M"}, "reference": {"of": "the fixture"}},
    "alone": {
        **IDLE,
        "test": {"type": "idleex", "spec": {"duration": "PT1S"}},
        "schedule": {"start": "PT30M"},
    },
}


def main(file: str) -> None:
    environment.set_environment()
    os.environ["PSCHEDULER_LIMITS"] = "open"
    with engine_moto.mocked():
        environment.create_everything()
        made = dt.datetime.now(dt.timezone.utc)
        tasks = _posted()
        _measured(tasks["measured"])
        state = {"made": made.isoformat(), "tasks": tasks, "tables": _tables()}
    pathlib.Path(file).write_text(json.dumps(state, indent=1, default=_binary) + "\n")


def _posted() -> dict[str, str]:
    from chalice.test import Client

    import app

    with Client(app.app) as client:
        answers = {
            name: client.http.post("/tasks", body=json.dumps(task).encode()) for name, task in TASKS.items()
        }
    return {name: json.loads(answer.body).rsplit("/", 1)[-1] for name, answer in answers.items()}


def _measured(task: str) -> None:
    from chalicelib.store import run_table
    from tests.builders import NODE
    from tests.service.machines import FakeMachine, perform_all

    first = run_table.get(NODE, task, run_table.first(NODE, task) or "none")
    perform_all(NODE, task, first.uuid, FakeMachine(first.start))


def _tables() -> dict[str, Any]:
    """All items, by the last part of their table's name."""
    from chalicelib.infrastructure import aws

    client = aws.client("dynamodb")
    names = client.list_tables()["TableNames"]
    return {name.rpartition("-")[2]: client.scan(TableName=name)["Items"] for name in names}


def _binary(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


if __name__ == "__main__":
    main(sys.argv[1])
