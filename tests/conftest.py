"""What every test stands on: no network but loopback, no real AWS, and an emulator where one is asked for."""

import gc
import os
import pathlib
import socket
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, settings

from local import block_network, engine_sqlite, environment
from local import ministack as ministack_module
from tests import moto_snapshot
from tests.emptied_engine import EmptiedEngines

LONG = 10
"""Seconds that a slow test takes which says nothing else."""

pytest_plugins = ["tests.costs", "tests.permissions.plugin"]

environment.set_environment()  # before any client is made: nothing here may reach an account
os.environ["PSCHEDULER_NAMES"] = "node.test"  # what the tests of pages call the node
os.environ["PSCHEDULER_LIMITS"] = "open"  # but for tests of who may do what, who take this back
os.environ["PSCHEDULER_TOOL_SETTINGS"] = os.devnull  # not what this machine's operator has set

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("ordinary", max_examples=60, deadline=None)
settings.register_profile(
    "thorough", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))

_HERE = pathlib.Path(__file__).resolve().parent.parent
_ENVIRON = os.environ


@pytest.fixture(autouse=True)
def _the_environment_stays() -> Iterator[None]:
    """Of a copy in its place, libraries that are not Python's would not hear what later tests set."""
    yield
    assert os.environ is _ENVIRON


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing that is collected is garbage: none is looked for meanwhile, nor among all that afterwards."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, the longest before all.

    Most of them wait, so that other processes compute meanwhile; and none begins when all others are over.
    """
    seconds: Counter[pathlib.Path] = Counter()
    for item in items:
        mark = item.get_closest_marker("slow")
        seconds[item.path] += (mark.args or (LONG,))[0] if mark else 0
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(autouse=True, scope="session")
def _no_lookups() -> Iterator[None]:
    with block_network.no_lookups():
        yield


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections.

    It is taken, and not listened on: one that was closed may be anybody's a moment later, since tests run
    side by side and each asks for any that is free.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture(scope="session")
def _emptied_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmptiedEngines]:
    engines = EmptiedEngines(tmp_path_factory.mktemp("engines"))
    yield engines
    engines.close()


@pytest.fixture
def empty_aws(request: pytest.FixtureRequest, _emptied_engines: EmptiedEngines) -> Iterator[None]:
    """An empty AWS in the process, with the node's tables, queues and bucket. Safe for threads.

    It is moto or the embedded engine, as ``pytest_generate_tests`` has it. Clients live on from test to test:
    either answers them all, and making one costs more than a test.
    """
    forget_what_was_read()
    engine = getattr(request, "param", None) or _engines_of(request.node)[0]
    everything = moto_snapshot.everything if engine == MOTO else _emptied_engines.everything
    with everything(environment.create_everything):
        yield


@pytest.fixture
def moto_itself() -> Iterator[None]:
    """The same on moto in any case, for tests of what the embedded engine has not."""
    forget_what_was_read()
    with moto_snapshot.everything(environment.create_everything):
        yield


MOTO, EMBEDDED = "moto", "sqlite"
_ENGINES = {
    "api": (EMBEDDED,),
    "events": (MOTO, EMBEDDED),
    "service": (MOTO, EMBEDDED),
    "store": (MOTO, EMBEDDED),
}
"""What the tests of a folder run on that use ``empty_aws``: on moto, unless it is here."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of what is stored run on moto and on the embedded engine: on each what the other lets pass shows.

    Pages run on the embedded engine alone, and so do tests that say so since they take long. TEST_ENGINE in
    the environment names another choice for all: moto, sqlite, or both.
    """
    if "empty_aws" in metafunc.fixturenames:
        engines = _engines_of(metafunc.definition)
        if len(engines) > 1:
            metafunc.parametrize("empty_aws", engines, indirect=True)


def _engines_of(test: pytest.Item) -> Sequence[str]:
    asked = os.environ.get("TEST_ENGINE")
    if asked:
        return (MOTO, EMBEDDED) if asked == "both" else (asked,)
    if test.get_closest_marker("embedded_only"):
        return (EMBEDDED,)
    return _ENGINES.get(test.path.relative_to(_HERE / "tests").parts[0], (MOTO,))


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


@pytest.fixture
def sqlite_engine(_emptied_engines: EmptiedEngines) -> Iterator[None]:
    """The embedded engine as nodes have it, with tables, queues and bucket that are empty."""
    forget_what_was_read()
    with _emptied_engines.everything(_as_a_node_has_it):
        yield


def _as_a_node_has_it() -> None:
    environment.create_everything()
    engine_sqlite.tidy()


@pytest.fixture(params=["sqlite", "ministack"])
def either_engine(request: pytest.FixtureRequest) -> None:
    """The test runs twice: on the embedded engine, and on MiniStack."""
    request.getfixturevalue(f"{request.param}_engine")


def forget() -> None:
    """Drop what the product remembers of its environment."""
    from chalicelib.infrastructure import agent_queues
    from chalicelib.infrastructure.aws import forget_clients
    from chalicelib.infrastructure.queues import forget_urls
    from chalicelib.settings import forget_settings
    from chalicelib.store.models.all_tables import rebind

    forget_settings()
    forget_clients()
    forget_urls()
    agent_queues.forget()
    forget_what_was_read()
    rebind()


def forget_what_was_read() -> None:
    """Drop what the product remembers of its tables."""
    from chalicelib.service.execution import overdue
    from chalicelib.service.node import agent_facts, heartbeats, node_directory
    from chalicelib.store import counted_hours, disk_space, long_runs, shards, timeline_memory

    node_directory.forget()
    overdue.forget()
    agent_facts.forget()
    heartbeats.forget()
    shards.forget()
    long_runs.forget()
    timeline_memory.forget()
    counted_hours.forget()
    disk_space.forget()


def ministack_python() -> str:
    """The interpreter MiniStack is installed in; the test fails where there is none."""
    python = os.environ.get("MINISTACK_PYTHON") or str(_HERE / ".local/ministack-venv/bin/python")
    if not pathlib.Path(python).exists():
        pytest.fail(f"MiniStack is not installed ({python}): python3 local/bootstrap.py")
    return python
