"""What tests of several services stand on."""

import types
from collections.abc import Iterator

import pytest

from chalicelib.service.peers import peer_client
from tests.cluster import LEAD, OTHER, THIRD, Cluster, running_cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A lead and two others."""
    with running_cluster(LEAD, OTHER, THIRD) as gathered_nodes:
        yield gathered_nodes


@pytest.fixture
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets stay as they are, however busy the machine is."""
    monkeypatch.setattr(peer_client, "time", types.SimpleNamespace(monotonic=lambda: 1000.0))
