"""A node that plans nothing and runs nothing by itself: pages alone, inside a fence.

What a soak makes up would otherwise be measured, with hosts that are somebody's.
"""

import contextlib
import datetime as dt
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

from local import block_network, engine_sqlite, environment

HERE = pathlib.Path(__file__).resolve().parent.parent.parent
IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}}


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Serve the pages in this process; yields the API's root."""
    environment.set_environment()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, engine_sqlite.opened(pathlib.Path(folder)):
        environment.create_everything()
        server = _server()
        try:
            with block_network.only_loopback():
                yield f"http://127.0.0.1:{server.start()}/pscheduler"
        finally:
            server.stop()


def _server() -> Any:
    # Imported here: the app reads the environment.
    from app import app
    from local.http_server import HttpServer

    return HttpServer(app, "127.0.0.1", 0)


def perform_one() -> tuple[str, str]:
    """Post a task and perform its run; (task, run)."""
    from chalicelib.domain.times import UTC
    from chalicelib.infrastructure.machine import Machine
    from chalicelib.service.execution import runner
    from chalicelib.service.tasks import create
    from chalicelib.settings import settings
    from chalicelib.store import run_table

    task = create.create(settings().node, IDLE, {"requester": "127.0.0.1"}, dt.datetime.now(UTC))
    run = run_table.first(settings().node, task.uuid)
    assert run is not None
    runner.run(settings().node, task.uuid, run, Machine())
    return task.uuid, run
