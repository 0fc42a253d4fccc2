"""Functions of one snapshot are not alike in what they draw."""

import random
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.infrastructure import snapshots


def test_what_is_restored_draws_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Callable[[], Any]] = []
    hooks = types.ModuleType("snapshot_restore_py")
    hooks.register_after_restore = called.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", hooks)

    snapshots.differ_when_restored()
    snapshot, drawn = random.getstate(), set()
    for _ in range(3):
        random.setstate(snapshot)
        called[0]()
        drawn.add(random.random())

    assert len(drawn) == 3


def test_where_there_are_no_snapshots_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)

    snapshots.differ_when_restored()
