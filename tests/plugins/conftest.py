"""What tests of several plugins stand on."""

import socket
from collections.abc import Iterator

import pytest

from plugins.sdk import programs


@pytest.fixture(autouse=True)
def _programs_are_looked_for() -> None:
    """Each test has programs of its own."""
    programs.forget()


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    """Where datagrams come in."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(10)
        yield end
