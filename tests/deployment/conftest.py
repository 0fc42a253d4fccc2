"""What several files of these tests need, and takes long to make."""

import pathlib

import pytest

from local import package as packaging
from tests.made_once import made_once


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder the package was written to, once for all processes of a run. Nobody changes it."""
    return made_once(tmp_path_factory, "package", packaging.package)
