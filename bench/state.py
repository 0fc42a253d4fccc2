"""Where a benchmark's tables, queues and bucket are: in the embedded engine, or in a MiniStack.

``BENCH_STATE`` says it to the processes a benchmark starts: the folder of an engine's file, or an address.
"""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator

from bench.benched_node import HERE
from local import engine_sqlite, environment, ministack

_WHERE = "BENCH_STATE"


@contextlib.contextmanager
def fresh(engine: str) -> Iterator[None]:
    """An empty AWS for this process and those it starts: ``sqlite`` or ``ministack``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, contextlib.ExitStack() as started:
        is_own = engine == "sqlite"
        os.environ[_WHERE] = folder if is_own else started.enter_context(_ministack(pathlib.Path(folder)))
        with used():
            yield


@contextlib.contextmanager
def used() -> Iterator[None]:
    """The AWS that the environment names."""
    from chalicelib.infrastructure.aws import forget_clients
    from chalicelib.store.models.all_tables import rebind

    where = os.environ[_WHERE]
    forget_clients()
    rebind()
    if where.startswith("http"):
        environment.set_environment(where)
        yield
    else:
        environment.set_environment()
        with engine_sqlite.opened(pathlib.Path(where)):
            yield


@contextlib.contextmanager
def _ministack(folder: pathlib.Path) -> Iterator[str]:
    python = os.environ.get("MINISTACK_PYTHON", str(HERE / ".local/ministack-venv/bin/python"))
    running, _ = ministack.start(python, folder)
    try:
        yield running.endpoint
    finally:
        running.stop()
