"""A pScheduler node on one machine: ``python -m local.node``.

Opens the engine that keeps its state, starts the HTTP front and the drivers, posts a first measurement,
and serves until Ctrl-C or SIGTERM, which stop what was started.
"""

import argparse
import contextlib
import fcntl
import gc
import os
import pathlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

from local import engine_sqlite, environment, logs, memory, ministack
from local.engine import EngineError

FOLDER = pathlib.Path(__file__).resolve().parent.parent
AUTHORITY = FOLDER / ".local/authority"
"""What signs the certificates of all nodes here, and is trusted by them."""
SWITCH = 0.001
"""Seconds a thread computes before another gets its turn. The front gives its own away at every system call,
and would wait for 5 ms each time while others compute; with much less, those that wait do little but ask."""
GARBAGE = (10_000, 10, 10)
"""Objects after which those that refer to each other are looked for: 700, as it comes, has a busy front look
all the time, and hardly anything is garbage of that kind."""
ENGINES = ("sqlite", "moto", "ministack")
"""What may answer for AWS: the embedded engine, which keeps its state; moto, which forgets it; MiniStack, the
cloud stand-in of the tests."""


class CannotStart(Exception):
    """The node cannot start; the message is one line that says why and what to do."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.node", description="A pScheduler node on this machine.")
    parser.add_argument("--port", default="8000", help="TCP port of the API (8000)")
    parser.add_argument("--address", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    parser.add_argument(
        "--state",
        type=pathlib.Path,
        help="folder to keep everything in (.local/node-PORT)",
    )
    parser.add_argument("--engine", default="sqlite", help=f"{', '.join(ENGINES)} (sqlite)")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS, with a certificate made on the spot")
    parser.add_argument("--no-first", action="store_true", help="post no first measurement")
    parser.add_argument(
        "--processes",
        type=int,
        choices=(1, 2),
        help="2: clocks and queues have one of their own (as many as there are cores)",
    )
    parser.add_argument("--period", type=float, default=15.0, help="seconds between ticks (15)")
    given = parser.parse_args()
    given.port = port(given.port)
    if given.engine not in ENGINES:
        raise CannotStart(
            f"There is no engine {given.engine!r}: choose one of {', '.join(ENGINES)} with ENGINE="
        )
    if given.processes == 2 and given.engine != "sqlite":
        raise CannotStart(f"A node on {given.engine} is one process: leave PROCESSES= out")
    given.processes = given.processes or (min(2, cores()) if given.engine == "sqlite" else 1)
    given.state = given.state or FOLDER / ".local" / default_state(given.address, given.port)
    return given


def port(text: str) -> int:
    """A TCP port, as it is written. Raises CannotStart."""
    if text.isascii() and text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    raise CannotStart(f"There is no port {text!r}: choose one from 1 to 65535 with PORT=")


def default_state(address: str, port: int) -> str:
    """The name of a node's folder: two nodes on one port have two addresses."""
    return f"node-{port}" if address == "127.0.0.1" else f"node-{address.replace(':', '-')}-{port}"


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> int:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    try:
        given = arguments()
        with contextlib.ExitStack() as started:
            node(given, started, stopping)
    except (CannotStart, EngineError, ministack.MiniStackTrouble) as error:
        say(str(error))
        return 1
    say("Stopped.")
    return 0


def node(given: argparse.Namespace, started: contextlib.ExitStack, stopping: threading.Event) -> None:
    """Start everything, each part with its stop on the stack, and serve until ``stopping`` is set."""
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*GARBAGE)
    memory.give_back()
    check_port(given.address, given.port)
    started.enter_context(locked(given.state))
    logs.set_up(given.state / "node.log")
    environment.listens(given.address, given.port)
    environment.keep_token(given.state)
    if given.tls:
        from local import tls

        tls.authority(AUTHORITY)  # here, as what is trusted has to be there
    environment.trust(AUTHORITY / "authority.pem")
    started.enter_context(engine(given))
    check_settings()
    say("Creating tables and queues ...")
    create_everything(given)
    check_tables(given.state)
    check_version(given.state)
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


def say(line: str) -> None:
    """A line to the operator, at once."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def base(given: argparse.Namespace) -> str:
    address = f"[{given.address}]" if ":" in given.address else given.address
    return f"{'https' if given.tls else 'http'}://{address}:{given.port}/pscheduler"


def check_port(address: str, port: int) -> None:
    """Raise CannotStart unless the address and port can be had."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        raise CannotStart(
            f"Cannot serve on {address} port {port} ({error.strerror}): choose with PORT= or ADDRESS="
        ) from error


def check_settings() -> None:
    """Raise CannotStart for a setting that cannot be right."""
    from chalicelib.service.node import settings_check
    from chalicelib.settings import SettingsError

    try:
        settings_check.require()
    except SettingsError as error:
        raise CannotStart(str(error)) from error


def check_tables(state: pathlib.Path) -> None:
    """Raise CannotStart where the tables are those of another version, which could not be read."""
    from chalicelib.store.models import outdated

    names = outdated()
    if names:
        raise CannotStart(
            f"{state} was made by another version ({', '.join(names)}): choose another folder with STATE=,"
            " or remove it"
        )


def check_version(state: pathlib.Path) -> None:
    """Raise CannotStart where what is stored is of a version that this release cannot go on with; else note
    that it writes its own from now on."""
    from chalicelib.domain.errors import WrongVersion
    from chalicelib.service.node import readdressing

    try:
        readdressing.require()
    except WrongVersion as error:
        raise CannotStart(f"{state}: {error.message}, or choose another folder with STATE=") from error


@contextlib.contextmanager
def locked(state: pathlib.Path) -> Iterator[IO[str]]:
    """Hold the state folder; the lock goes with the process, however it ends."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("a")
    except OSError as error:
        raise CannotStart(
            f"Cannot use the folder {state} ({error.strerror}): choose another with STATE="
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(f"Another node is using {state}: choose another folder with STATE=") from error
        yield lock


@contextlib.contextmanager
def engine(given: argparse.Namespace) -> Iterator[None]:
    """AWS as the environment will have it: the embedded engine, moto, or MiniStack beside the process."""
    with {"sqlite": _embedded, "moto": _moto, "ministack": _ministack}[given.engine](given):
        yield


@contextlib.contextmanager
def _embedded(given: argparse.Namespace) -> Iterator[None]:
    environment.set_environment()
    with engine_sqlite.opened(given.state):
        say(f"State in {given.state / engine_sqlite.FILE}")
        yield


@contextlib.contextmanager
def _moto(given: argparse.Namespace) -> Iterator[None]:
    try:
        from local import engine_moto
    except ImportError as error:
        raise CannotStart(
            f"moto is not installed ({error.name} is missing): use make run ENGINE=moto"
        ) from error
    say("Starting moto in the process (it forgets everything when stopped) ...")
    environment.set_environment()
    with engine_moto.mocked():
        yield


@contextlib.contextmanager
def _ministack(given: argparse.Namespace) -> Iterator[None]:
    say("Starting MiniStack ...")
    running, found = ministack.start(ministack_python(), given.state)
    say(f"  {'found it running' if found else 'runs'} on 127.0.0.1:{running.port}, state in {given.state}")
    environment.set_environment(running.endpoint)
    try:
        yield
    finally:
        if not running.stop():
            say("MiniStack did not stop when asked and was killed: its state is that of its last clean stop.")


def create_everything(given: argparse.Namespace) -> None:
    """Make what is not there yet. Raises CannotStart where it cannot be stored."""
    from botocore.exceptions import ClientError
    from pynamodb.exceptions import PynamoDBException

    try:
        environment.create_everything()
        if given.engine == "sqlite":
            engine_sqlite.tidy()
    except (ClientError, PynamoDBException) as error:
        raise CannotStart(f"The tables and queues in {given.state} cannot be made: {error}") from error


def ministack_python() -> str:
    """The interpreter MiniStack is installed in."""
    python = os.environ.get("MINISTACK_PYTHON") or str(FOLDER / ".local/ministack-venv/bin/python")
    if not pathlib.Path(python).exists():
        raise CannotStart(
            f"MiniStack is not installed ({python} is missing): python3 local/bootstrap.py ministack"
        )
    return python


def load_app() -> Any:
    """The app of app.py, found as Lambda finds it: vendor/ comes after the folder itself."""
    for folder in (FOLDER / "vendor", FOLDER):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    from app import app

    logs.take_over(app.log)
    return app


@contextlib.contextmanager
def front(given: argparse.Namespace, app: Any) -> Iterator[None]:
    from local.http_server import HttpServer

    certificate = None
    if given.tls:
        from chalicelib.settings import settings
        from local import tls

        certificate = tls.certificate(given.state, given.address, AUTHORITY, settings().names)
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
    from local import driving

    if given.processes == 1:
        return driving.in_this_process(app, given.period)
    return driving.begin(app, given.period).driving()


def first_measurement(given: argparse.Namespace, stopping: threading.Event) -> None:
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
