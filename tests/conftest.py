"""What every test stands on: no network but loopback, no real AWS, and an emulator where one is asked for."""

import ipaddress
import os
import pathlib
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from local import engine_moto, environment
from local import ministack as ministack_module

environment.set_environment()  # before any client is made: nothing here may reach an account

settings.register_profile("ordinary", max_examples=100, deadline=None)
settings.register_profile(
    "thorough", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))

_HERE = pathlib.Path(__file__).resolve().parent.parent
_CONNECT, _CONNECT_EX, _SENDTO = socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto
_GETADDRINFO = socket.getaddrinfo


class Blocked(OSError):
    """A test tried to reach something that is not on this machine."""


def _check(address: Any) -> None:
    if not isinstance(address, tuple) or address[0] in ("", "localhost"):
        return
    if not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise Blocked(f"tests may only reach loopback, not {address}")


def _connect(self: socket.socket, address: Any) -> None:
    _check(address)
    _CONNECT(self, address)


def _connect_ex(self: socket.socket, address: Any) -> int:
    _check(address)
    return _CONNECT_EX(self, address)


def _sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    _check(rest[-1])
    return _SENDTO(self, data, *rest)


def _getaddrinfo(host: Any, *more: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in (None, "", "localhost", socket.gethostname()):
        try:
            ipaddress.ip_address(str(name).partition("%")[0])
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, f"tests look no names up, not {name}") from None
    return _GETADDRINFO(host, *more, **named)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    for name, guarded in (("connect", _connect), ("connect_ex", _connect_ex), ("sendto", _sendto)):
        patch.setattr(socket.socket, name, guarded)
    patch.setattr(socket, "getaddrinfo", _getaddrinfo)
    yield
    patch.undo()


@pytest.fixture
def moto_engine() -> Iterator[None]:
    """An empty AWS in the process, with the node's tables, queues and bucket. Safe for threads.

    Clients live on from test to test: moto intercepts them all, and making one costs more than a test.
    """
    with engine_moto.mocked():
        environment.create_everything()
        yield


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ministack_module.MiniStack]:
    """One MiniStack for a whole test process."""
    running, _ = ministack_module.start(ministack_python(), tmp_path_factory.mktemp("ministack"))
    yield running
    running.stop()


@pytest.fixture
def ministack_engine(
    ministack: ministack_module.MiniStack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ministack_module.MiniStack]:
    """MiniStack as the AWS of the test, with tables, queues and bucket nobody else uses."""
    unique = f"test-{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", ministack.endpoint)
    monkeypatch.setenv("PSCHEDULER_PREFIX", unique)
    monkeypatch.setenv("PSCHEDULER_BUCKET", unique)
    forget()
    environment.create_everything()
    yield ministack
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Drop what the product remembers of its environment."""
    from chalicelib.outside.aws import forget_clients
    from chalicelib.outside.queues import forget_urls
    from chalicelib.settings import forget_settings
    from chalicelib.store.tables import rebind

    forget_settings()
    forget_clients()
    forget_urls()
    rebind()


def ministack_python() -> str:
    """The interpreter MiniStack is installed in; the test fails where there is none."""
    python = os.environ.get("MINISTACK_PYTHON") or str(_HERE / ".local/ministack-venv/bin/python")
    if not pathlib.Path(python).exists():
        pytest.fail(f"MiniStack is not installed ({python}): python3 local/bootstrap.py")
    return python
