"""What tests of requests to peers stand on."""

from collections.abc import Iterator

import pytest

from chalicelib.infrastructure.peer_http import Http
from tests.conftest import forget


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    """Peers that are asked by HTTP without TLS."""
    monkeypatch.setenv("PSCHEDULER_PEER_SCHEME", "http")
    forget()
    yield Http()
    monkeypatch.undo()
    forget()
