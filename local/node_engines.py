"""What answers for AWS in a node: the embedded engine, moto, or MiniStack beside the process."""

import argparse
import contextlib
import os
import pathlib
from collections.abc import Iterator

from local import engine_sqlite, environment, ministack
from local.log_files import say
from local.node_options import FOLDER
from local.start_checks import CannotStart


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
        raise CannotStart(f"The tables and queues in {given.state} cannot be created: {error}") from error


def ministack_python() -> str:
    """The interpreter MiniStack is installed in."""
    python = os.environ.get("MINISTACK_PYTHON") or str(FOLDER / ".local/ministack-venv/bin/python")
    if not pathlib.Path(python).exists():
        raise CannotStart(
            f"MiniStack is not installed ({python} is missing): python3 local/bootstrap.py ministack"
        )
    return python
