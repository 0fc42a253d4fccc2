"""Performed with the last release's code in the place of this one's: ``PYTHONPATH=release-0.2.zip``.

    python tests/upgrades/last_release.py STATE

reads the tables in STATE, as ``make_state`` writes them, prints as JSON what that release finds in them, and
writes back the tables as they are after it cancelled the task called "planned". ``release-0.2.zip`` is that
release's ``chalicelib`` without its services and pages.
"""

import base64
import datetime as dt
import json
import pathlib
import sys
from typing import Any

import moto

if __name__ == "__main__":
    from chalicelib.domain.names import NodeName, TaskId
    from chalicelib.store import delivery_table, run_table, task_table
    from chalicelib.store.models import TABLES, connection, create_tables

NODE = "local"


def main(file: str) -> None:
    state = json.loads(pathlib.Path(file).read_text())
    with moto.mock_aws():
        create_tables()
        for table in TABLES:
            for item in state["tables"].get(table.short_name, ()):
                connection().client.put_item(TableName=_name(table), Item=_from_text(item))
        print(json.dumps(_found(state)))
        planned = task_table.get(NodeName(NODE), TaskId(state["tasks"]["planned"]))
        task_table.disable(planned, dt.datetime.now(dt.timezone.utc))
        for table in TABLES:
            state["tables"][table.short_name] = connection().client.scan(TableName=_name(table))["Items"]
    pathlib.Path(file).write_text(json.dumps(state, default=_to_text))


def _name(table: Any) -> str:
    name: str = table.definition()["TableName"]
    return name


def _found(state: Any) -> dict[str, Any]:
    """Each task by its name: its document, and its runs with their states, results and deliveries."""
    node = NodeName(NODE)
    listed = {task.uuid for task in task_table.every(node)}
    return {
        name: {
            "listed": uuid in listed,
            "document": task_table.get(node, uuid).document,
            "runs": [
                {
                    "start": run.start.isoformat(),
                    "state": run.state.value,
                    "result": run_table.get(node, uuid, run.uuid).documents.result_merged,
                    "archives": len(delivery_table.of_run(node, run.uuid)),
                }
                for run in run_table.in_order(node, uuid)
            ],
        }
        for name, uuid in state["tasks"].items()
    }


def _from_text(item: dict[str, Any]) -> dict[str, Any]:
    """An item with its binary attributes, which JSON has not."""
    return {
        name: {"B": base64.b64decode(value["B"]["base64"])} if "B" in value else value
        for name, value in item.items()
    }


def _to_text(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


if __name__ == "__main__":
    main(sys.argv[1])
