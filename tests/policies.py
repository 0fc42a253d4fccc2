"""Nodes with policies of their own: what tests of several folders use."""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.service.limits import policy_in_force
from chalicelib.settings import forget_settings

Install = Callable[[Any], pathlib.Path]


@pytest.fixture
def installed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a policy in force, by writing it where the node looks for it."""
    where = tmp_path / "limits.json"

    def install(policy: Any) -> pathlib.Path:
        where.write_text(policy if isinstance(policy, str) else json.dumps(policy))
        use(monkeypatch, str(where))
        return where

    yield install
    monkeypatch.undo()
    policy_in_force.forget()
    forget_settings()


def use(monkeypatch: pytest.MonkeyPatch, limits: str, listens: str = "") -> None:
    """Have the node's settings say so."""
    monkeypatch.setenv("PSCHEDULER_LIMITS", limits)
    monkeypatch.setenv("PSCHEDULER_LISTENS", listens)
    policy_in_force.forget()
    forget_settings()
