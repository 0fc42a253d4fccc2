"""A pScheduler node on one machine: ``python -m local.node``.

Opens the engine that keeps its state, starts the HTTP front and the drivers, posts a first measurement,
and serves until Ctrl-C, SIGTERM or SIGHUP, which stop what was started.
"""

import argparse
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from chalicelib.infrastructure.stopping import Stop
from local import environment, log_files, memory, ministack, node_engines, start_checks
from local.engine import EngineError
from local.log_files import say
from local.node_options import FOLDER, arguments, base
from local.start_checks import CannotStart

AUTHORITY = FOLDER / ".local/authority"
"""What signs the certificates of all nodes here, and is trusted by them."""
SWITCH = 0.001
"""Seconds a thread computes before another gets its turn. The front gives its own away at every system call,
and would wait for 5 ms each time while others compute; with much less, those that wait do little but ask."""
NOT_FOR_OTHERS = 0o022
"""Nobody else writes to what a node makes, whatever it was started with: who can write to the folder of its
state can put another in its place."""
GARBAGE = (10_000, 10, 10)
"""Objects after which those that refer to each other are looked for: 700, as it comes, has a busy front look
all the time, and hardly anything is garbage of that kind."""


def main() -> int:
    os.umask(os.umask(NOT_FOR_OTHERS) | NOT_FOR_OTHERS)
    told = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    ignored = signal.SIG_IGN  # as nohup has it
    stopping = Stop().by(number for number in told if signal.getsignal(number) is not ignored)
    try:
        given = arguments()
        with contextlib.ExitStack() as started:
            node(given, started, stopping)
    except (CannotStart, EngineError, ministack.MiniStackTrouble) as error:
        say(str(error))
        return 1
    say("Stopped.")
    return 0


def node(given: argparse.Namespace, started: contextlib.ExitStack, stopping: Stop) -> None:
    """Start everything, each part with its stop on the stack, and serve until ``stopping`` is set."""
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*GARBAGE)
    memory.give_back()
    start_checks.check_port(given.address, given.port)
    started.enter_context(start_checks.locked(given.state))
    environment.listens(given.address, given.port)
    with start_checks.files_usable():
        log_files.set_up(given.state / "node.log")
        environment.keep_token(given.state)
        if given.tls:
            from local import certificates

            certificates.authority(AUTHORITY)  # here, as what is trusted has to be there
    environment.trust(AUTHORITY / "authority.pem")
    started.enter_context(node_engines.engine(given))
    start_checks.check_settings()
    say("Creating tables and queues ...")
    node_engines.create_everything(given)
    start_checks.check_tables(given.state)
    start_checks.check_version(given.state)
    app = load_app()
    driving = clocks_and_queues(given, app)
    started.enter_context(front(given, app))
    started.enter_context(driving)
    if not given.no_first and not stopping.is_set():
        first_measurement(given, stopping)
    say(f"What it measures, to look at: {base(given)}/ui/")
    say(f"Serving {base(given)}/ - Ctrl-C stops")
    # Not without end: a signal that another thread is given is handled once this one comes to compute.
    while not stopping.wait(1.0):
        pass
    say("\nStopping ...")


def load_app() -> Any:
    """The app of app.py, found as Lambda finds it: vendor/ comes after the folder itself."""
    for folder in (FOLDER / "vendor", FOLDER):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    from app import app

    log_files.take_over(app.log)
    return app


@contextlib.contextmanager
def front(given: argparse.Namespace, app: Any) -> Iterator[None]:
    from local.http_server import HttpServer

    certificate = None
    if given.tls:
        from chalicelib.settings import settings
        from local import certificates

        with start_checks.files_usable():
            certificate = certificates.certificate(given.state, given.address, AUTHORITY, settings().names)
        say(f"  clients may trust {given.state / 'authority.pem'}")
    server = HttpServer(app, given.address, given.port, certificate, reads_at_once=given.engine == "sqlite")
    try:
        server.start()
    except OSError as error:
        raise CannotStart(f"Cannot serve on {given.address} port {given.port} ({error})") from error
    try:
        yield
    finally:
        server.stop()


def clocks_and_queues(given: argparse.Namespace, app: Any) -> contextlib.AbstractContextManager[None]:
    """What works them from when it is entered. A second process is made now, while this has one thread."""
    from local import second_process

    if given.processes == 1:
        return second_process.in_this_process(app, given.period)
    return second_process.begin(app, given.period).driving()


def first_measurement(given: argparse.Namespace, stopping: Stop) -> None:
    """Measure in a thread, so that Ctrl-C need not wait for the result."""
    done = threading.Thread(target=_first_measurement, args=(given,), daemon=True)
    done.start()
    while done.is_alive() and not stopping.is_set():
        time.sleep(0.05)


def _first_measurement(given: argparse.Namespace) -> None:
    from local import smoke_test

    anywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    here = argparse.Namespace(**{**vars(given), "address": anywhere.get(given.address, given.address)})
    authority = str(given.state / "authority.pem") if given.tls else None
    try:
        result = smoke_test.measure(base(here), authority, say)
    except smoke_test.NoResult as error:
        say(f"No first measurement: {error}")
    else:
        say(f"\n{result}\n")


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # a measurement under way would hold sys.exit() up until it ends
