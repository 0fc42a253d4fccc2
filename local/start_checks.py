"""What has to be right before a node starts: each check raises CannotStart, a line for the operator."""

import contextlib
import errno
import fcntl
import pathlib
import socket
from collections.abc import Iterator
from typing import IO


class CannotStart(Exception):
    """The node cannot start; the message is one line that says why and what to do."""


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
    from chalicelib.store.models.all_tables import outdated

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
    from chalicelib.service.node import state_upgrade

    try:
        state_upgrade.require()
    except WrongVersion as error:
        raise CannotStart(f"{state}: {error.message}, or choose another folder with STATE=") from error


@contextlib.contextmanager
def files_usable() -> Iterator[None]:
    """Raise CannotStart where a file that a node keeps cannot be made, read or written: it is somebody
    else's, such as root's who started a node here before, or the disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        what = "the disk" if error.filename is None else error.filename
        raise CannotStart(
            f"Cannot use {what} ({error.strerror}): see whose it is, and that there is room"
        ) from error


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
