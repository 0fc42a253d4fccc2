"""The last release's code on what this one wrote, and this one on what that left: the way back, and again.

Promised is that it reads tasks, runs, results and deliveries, and may write. What is due it does not find.
"""

import datetime as dt
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from chalicelib.domain.names import RunId, TaskId
from chalicelib.domain.run_states import State
from chalicelib.service.coordination import shard_planner
from chalicelib.service.node import state_upgrade
from chalicelib.store import delivery_table, run_table, task_table
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.connection import connection
from tests.builders import NODE
from tests.upgrades import make_state

pytestmark = pytest.mark.usefixtures("empty_aws")
FOLDER = pathlib.Path(__file__).parent
OTHERS = {"PYTHONPATH": str(FOLDER / "release-0.2.zip"), "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def written(tmp_path: pathlib.Path) -> pathlib.Path:
    """What this release leaves behind."""
    tasks = make_state._posted()
    make_state._measured(tasks["measured"])
    file = tmp_path / "state.json"
    state = {"tasks": tasks, "tables": make_state._tables()}
    file.write_text(json.dumps(state, default=make_state._binary))
    return file


def last_release(file: pathlib.Path) -> dict[str, Any]:
    """What it finds there; the file has then what it left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [
            sys.executable,
            "-P" if sys.version_info >= (3, 11) else "-s",
            str(FOLDER / "last_release.py"),
            file,
        ],
        env={**kept, **OTHERS},
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_reads_what_this_one_wrote(written: pathlib.Path) -> None:
    tasks = json.loads(written.read_text())["tasks"]

    found = last_release(written)

    for name, uuid in tasks.items():
        ours = task_table.get(NODE, TaskId(uuid))
        runs = [run_table.get(NODE, run.task, run.uuid) for run in run_table.in_order(NODE, ours.uuid)]
        assert found[name] == {
            "listed": True,
            "document": ours.document,
            "runs": [
                {
                    "start": run.start.isoformat(),
                    "state": run.state.value,
                    "result": run.documents.result_merged,
                    "archives": len(delivery_table.of_run(NODE, run.uuid)),
                }
                for run in runs
            ],
        }
    assert found["measured"]["runs"][0]["archives"] == 1


def test_this_one_goes_on_with_what_it_left_there(written: pathlib.Path) -> None:
    last_release(written)
    state = json.loads(written.read_text())
    planned = TaskId(state["tasks"]["planned"])
    run = RunId(run_table.first(NODE, planned) or "none")
    _put(state["tables"])

    state_upgrade.forget()
    now = dt.datetime.now(dt.timezone.utc)
    assert not task_table.get(NODE, planned).enabled  # it was cancelled there, and filed as there
    shard_planner.tick(now)
    shard_planner.plan_task(NODE, planned, now)

    with pytest.raises(Exception, match="no run"):
        run_table.get(NODE, planned, run)
    assert run_table.get(NODE, TaskId(state["tasks"]["measured"]), _first(state)).state is State.FINISHED


def _first(state: dict[str, Any]) -> RunId:
    return RunId(run_table.first(NODE, TaskId(state["tasks"]["measured"])) or "none")


def _put(tables: dict[str, Any]) -> None:
    from tests.upgrades.test_state_of_the_last_release import _read

    names = {table.short_name: table.definition()["TableName"] for table in TABLES}
    for table, items in tables.items():
        for item in items:
            connection().client.put_item(TableName=names[table], Item=_read(item))
