"""What takes long to make, made once for all processes of a test run."""

import fcntl
import os
import pathlib
from collections.abc import Callable

import pytest


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], object]
) -> pathlib.Path:
    """The folder of that name, which ``make`` fills for whoever comes first: whole, or not there."""
    own = factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            making = shared / f"{name}.new"
            make(making)
            making.rename(made)
    return made
