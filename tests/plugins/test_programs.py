"""Which programs there are: looked for on the PATH, and not for every tool anew."""

import os
import pathlib
import time
from collections.abc import Iterator

import pytest

from plugins.sdk import programs
from plugins.sdk.programs import is_installed

NAME = "measure-something"


@pytest.fixture(autouse=True)
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(time, "monotonic", lambda: 100.25)
    programs.forget()
    yield
    programs.forget()


def install(folder: pathlib.Path, mode: int = 0o755) -> pathlib.Path:
    folder.mkdir(exist_ok=True)
    made = folder / NAME
    made.write_text("#!/bin/sh\n")
    made.chmod(mode)
    return made


def test_a_program_is_looked_for_on_the_path_as_it_is(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = install(tmp_path / "bin")
    install(tmp_path / "data", mode=0o644)

    for folders, there in ((["data"], False), (["data", "bin"], True), ([], False)):
        monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / each) for each in folders))
        assert is_installed(NAME) is there
    assert is_installed(str(made))


def test_what_was_found_is_good_for_a_second(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert not is_installed(NAME)
    made = install(tmp_path / "bin")

    assert not is_installed(NAME)
    monkeypatch.setattr(time, "monotonic", lambda: 101.25)
    assert is_installed(NAME)
    made.unlink()
    assert is_installed(NAME)
    monkeypatch.setattr(time, "monotonic", lambda: 102.25)
    assert not is_installed(NAME)
