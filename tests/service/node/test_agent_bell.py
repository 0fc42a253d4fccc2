"""Calling a node's agent, by whichever carrier it listens to."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.infrastructure import agent_queues
from chalicelib.service.node import agent_bell
from chalicelib.settings import forget_settings
from chalicelib.store import agent_bells
from tests.builders import NOON, at

pytestmark = pytest.mark.usefixtures("empty_aws")
AMS = NodeName("ams.example")


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    forget_settings()


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done with agents' queues."""
    done: list[Any] = []
    for name in ("ring", "make", "delete"):
        monkeypatch.setattr(agent_queues, name, lambda node, name=name: done.append((name, node)))
    return done


@pytest.mark.parametrize("carrier", ["https", "queue"])
def test_an_agents_queue_is_used_where_each_has_one(
    queue: list[Any], monkeypatch: pytest.MonkeyPatch, carrier: str
) -> None:
    monkeypatch.setenv("PSCHEDULER_AGENT_CARRIER", carrier)
    forget_settings()

    agent_bell.hang(AMS)
    agent_bell.ring(AMS, NOON)
    agent_bell.ring(AMS, at(1), cancels=True)
    agent_bell.take_down(AMS)

    assert agent_bell.by_queue() is (carrier == "queue")
    assert agent_bells.read(AMS) == (2, 1, at(1))
    used = [("make", AMS), ("ring", AMS), ("ring", AMS), ("delete", AMS)]
    assert queue == (used if carrier == "queue" else [])


def test_what_is_stored_is_found_though_the_bell_cannot_be_rung(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise agent_bell.STORE_ERRORS[0]()

    monkeypatch.setattr(agent_bells, "ring", broken)

    agent_bell.ring(AMS, NOON)

    assert "The bell of ams.example cannot be rung; its agent comes by itself" in caplog.messages
    assert "Traceback" in caplog.text
