"""What the tests of the engine stand on: one in a file of the test's own, and clients that ask it."""

import pathlib
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from local.engine import Engine


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "state.sqlite"


@pytest.fixture
def engine(path: pathlib.Path, clock: Clock) -> Iterator[Engine]:
    with Engine(path, synchronous="OFF", clock=clock, settling=0) as made:
        yield made


_CLIENTS: dict[str, Any] = {}


def client(service: str) -> Any:
    """A client of botocore's, made once: that takes longer than most tests."""
    if service not in _CLIENTS:
        _CLIENTS[service] = botocore.session.get_session().create_client(service)
    return _CLIENTS[service]


@pytest.fixture
def dynamodb(engine: Engine) -> Any:
    return client("dynamodb")


@pytest.fixture
def sqs(engine: Engine) -> Any:
    return client("sqs")


@pytest.fixture
def s3(engine: Engine) -> Any:
    return client("s3")
