"""What several files of these tests need, and takes long to make."""

import fcntl
import os
import pathlib

import pytest

from local import package as packaging


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder the package was written to, once for all processes of a run. Nobody changes it."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    out = shared / "package"
    with (shared / "package.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            packaging.package(shared / "package.new")
            (shared / "package.new").rename(out)  # whole, or not there
    return out
