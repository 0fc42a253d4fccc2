"""``chalice local --stage local``: moto, tables, clocks and queues inside Chalice's own server.

Chalice's reloader runs two processes and imports the app in the one that serves; whoever imports it
first in a process starts everything, once.
"""

import itertools
import logging
import sys
import threading
from typing import Any

import chalice.local

from local import drivers, engine_moto, environment

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
        engine_moto.mocked().start()
        environment.create_everything()
        _quicken()
        _started.append(drive(app))


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
