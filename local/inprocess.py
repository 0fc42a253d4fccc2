"""``chalice local --stage local``: engine, tables, clocks and queues inside Chalice's own server.

The state is kept in the folder that the environment names as STATE; without one it is forgotten.
Chalice's reloader runs two processes and imports the app in the one that serves; whoever imports it
first in a process starts everything, once.
"""

import atexit
import contextlib
import itertools
import logging
import os
import pathlib
import sys
import tempfile
import threading
from typing import Any

import chalice.local

from local import drivers, engine_sqlite, environment
from local.engine import EngineError
from local.start_checks import CannotStart, locked

_LOG = logging.getLogger(__name__)
_STARTING = threading.Lock()
_started: list[drivers.Drivers] = []


def start(app: Any) -> None:
    """Give the app an AWS in this process and drive its ticks and queues. Does nothing the second time.

    To be called when all handlers of the app are declared and before any client was made.
    """
    with _STARTING:
        if _started:
            return
        environment.set_environment()
        environment.listens(_option("--host", "127.0.0.1"), int(_option("--port", "8000")))
        try:
            _open()
        except (EngineError, CannotStart) as error:
            sys.exit(str(error))
        environment.create_everything()
        engine_sqlite.tidy()
        _quicken()
        _started.append(drive(app))


def _open() -> None:
    """Open the engine for as long as the process lives. Raises EngineError, CannotStart."""
    opened = contextlib.ExitStack()
    atexit.register(opened.close)
    kept = os.environ.get("STATE")
    if kept:
        opened.enter_context(locked(pathlib.Path(kept)))
        opened.enter_context(engine_sqlite.opened(pathlib.Path(kept)))
    else:
        folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="pscheduler-"))
        opened.enter_context(engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"))


def _option(name: str, usual: str) -> str:
    """What Chalice's server was told; its own default is the usual."""
    words = sys.argv
    given = [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    given += [after for word, after in itertools.pairwise(words) if word == name]
    return given[-1] if given else usual


def drive(app: Any, period: float = drivers.PERIOD) -> drivers.Drivers:
    """Start the clocks and queues of an app against the AWS of the environment."""
    from chalicelib.infrastructure.aws import client
    from chalicelib.infrastructure.queues import QUEUES, queue_url

    started = drivers.Drivers(app.handler_map, QUEUES, queue_url, client("sqs"), period)
    started.start()
    return started


def _quicken() -> None:
    """Buffer what Chalice's server writes: unbuffered, a kept-alive connection does 23 requests a second."""
    chalice.local.ChaliceRequestHandler.wbufsize = 65536
    chalice.local.ChaliceRequestHandler.disable_nagle_algorithm = True
