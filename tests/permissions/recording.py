"""What is asked of AWS while tests run, by whom. Set up once a process; threads are followed."""

import concurrent.futures
import contextvars
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client

from plugins.support.aws_client import OUTSIDE
from tests.permissions import actions, functions

_FOR: contextvars.ContextVar[str | None] = contextvars.ContextVar("for", default=None)
"""On whose behalf a thread works whose work was handed to it."""

Call = tuple[str, str, str]
"""A function, an action, a resource."""
SEEN: set[Call] = set()
_MEANWHILE: list[set[Call]] = []
INTO = "PERMISSIONS_INTO"
"""The variable that names a folder into which nodes in processes of their own write what they did."""


def node_module() -> str:
    """The module that a test starts a node with."""
    return "tests.permissions.node" if os.environ.get(INTO) else "local.node"


@contextmanager
def recording() -> Iterator[set[Call]]:
    """Write down all calls that clients of the node make meanwhile; yields those, known before or not."""
    made: set[Call] = set()
    _MEANWHILE.append(made)
    client, pool, thread = (
        botocore.client.BaseClient._make_api_call,
        concurrent.futures.ThreadPoolExecutor.submit,
        threading.Thread.start,
    )

    def call(self: Any, operation: str, told: Any) -> Any:
        _note(self, operation, told)
        return client(self, operation, told)

    def submit(self: Any, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        whose = _whose()
        return pool(self, _on_behalf, whose, work, *args, **kwargs)

    def start(self: Any) -> None:
        self.run = _bound(_whose(), self.run)
        thread(self)

    botocore.client.BaseClient._make_api_call = call
    concurrent.futures.ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
    threading.Thread.start = start  # type: ignore[method-assign]
    try:
        yield made
    finally:
        _MEANWHILE[:] = [each for each in _MEANWHILE if each is not made]
        botocore.client.BaseClient._make_api_call = client
        concurrent.futures.ThreadPoolExecutor.submit = pool  # type: ignore[method-assign]
        threading.Thread.start = thread  # type: ignore[method-assign]


def _whose() -> str | None:
    return functions.acting() or _FOR.get()


def _on_behalf(whose: str | None, work: Any, /, *args: Any, **kwargs: Any) -> Any:
    token = _FOR.set(whose)
    try:
        return work(*args, **kwargs)
    finally:
        _FOR.reset(token)


def _bound(whose: str | None, run: Any) -> Any:
    return lambda: _on_behalf(whose, run)


def _note(client: Any, operation: str, told: Any) -> None:
    if OUTSIDE in str(client.meta.config.user_agent_extra):
        return  # an archiver's or tool's, with the credentials of whoever posted the task
    for whose in {_whose(), functions.working_off()} - {None}:
        service = client.meta.service_model.service_name
        found = {(whose, action, where) for action, where in actions.needed(service, operation, told)}
        for calls in (SEEN, *_MEANWHILE):
            calls.update(found)
