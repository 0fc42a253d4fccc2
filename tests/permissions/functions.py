"""Whose call one is: the function of the deployment that would be making it, told by who called whom.

Tests call pages, handlers and the services behind handlers. What serves a page is APIHandler; what a handler
of a queue or clock does, or the service that one hands over to, is that handler's function. Which services
those are is read from the handlers' own source.
"""

import ast
import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from chalicelib.api.http import router
from chalicelib.domain import messages
from chalicelib.events import clock_handlers, queue_handlers
from chalicelib.infrastructure.queues import QUEUES
from chalicelib.service.alerts import watch
from chalicelib.service.archiving import announce
from chalicelib.service.execution import reaper
from chalicelib.service.node import debug, node_directory
from chalicelib.service.scheduling import dispatch_tick
from chalicelib.service.series import hourly_rollups
from local.deployment.permissions import EVERY
from local.deployment.resource_names import function_of

API = "APIHandler"


@functools.cache
def _page() -> CodeType:
    return router._answer.__code__


@functools.cache
def _clocks() -> Mapping[CodeType, str]:
    handlers = {clock: getattr(clock_handlers, f"{clock}_tick") for clock in clock_handlers.TIMEOUTS}
    return {handler.__code__: function_of(clock) for clock, handler in handlers.items()}


@functools.cache
def entries() -> Mapping[CodeType, str]:
    """The functions of services that handlers hand over to, each with whose they are."""
    found: dict[CodeType, str] = {}
    for clock in clock_handlers.TIMEOUTS:
        handler = getattr(clock_handlers, f"{clock}_tick")
        for service in _ticks(handler):
            found[service.__code__] = function_of(clock)
    for kind, service in _handed_over():
        found[service.__code__] = _handler_of(kind)
    return found


@functools.cache
def shared() -> frozenset[CodeType]:
    """What any function may have to look up, and the first to come does for those after it in its process."""
    looked_up = (debug.follow, node_directory.find, node_directory._is_unused, node_directory._named)
    return frozenset(each.__code__ for each in looked_up)


def _ticks(handler: Callable[..., Any]) -> list[Any]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(handler)))
    ticks = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "tick"]
    return [_named(clock_handlers, tick) for tick in ticks]


def _handed_over() -> list[tuple[str, Any]]:
    """The kinds of messages and the services they are given to."""
    sources = [inspect.getsource(each) for each in (queue_handlers.handle, queue_handlers._plan)]
    trees = [node for source in sources for node in ast.walk(ast.parse(source))]
    found = []
    for case in (case for node in trees if isinstance(node, ast.Match) for case in node.cases):
        if isinstance(case.pattern, ast.MatchClass) and isinstance(case.pattern.cls, ast.Name):
            calls = [node for each in case.body for node in ast.walk(each) if isinstance(node, ast.Call)]
            service = _named(queue_handlers, calls[0].func)
            if service.__module__ != queue_handlers.__name__:
                found.append((case.pattern.cls.id, service))
    return found


def _named(module: Any, expression: ast.expr) -> Any:
    name: Any = module
    for part in ast.unparse(expression).split("."):
        name = getattr(name, part)
    return inspect.unwrap(name)


def _handler_of(kind: str) -> str:
    queue = next(each for each in QUEUES if getattr(messages, kind) in each.carries)
    return function_of(queue.handler)


@functools.cache
def _worked_off() -> frozenset[CodeType]:
    """What ticks do of a shard, and leave to another function where there is much of it."""
    services = (
        dispatch_tick._Sending.send,
        announce.announce,
        reaper.reap,
        hourly_rollups._roll,
        watch._look,
    )
    return frozenset(each.__code__ for each in services)


@functools.cache
def _told_by() -> Mapping[int, Callable[[FrameType], str | None]]:
    """What says whose a call is, by the identity of its code: to hash code takes longer than most calls."""
    told: dict[int, Callable[[FrameType], str | None]] = {id(_page()): lambda frame: API}
    told[id(queue_handlers._each.__code__)] = _of_queue
    told[id(queue_handlers.handle.__code__)] = _of_message
    told |= {id(code): lambda frame, whose=whose: whose for code, whose in _clocks().items()}
    return told | {id(code): lambda frame: EVERY for code in shared()}


def _of_queue(frame: FrameType) -> str | None:
    return function_of(frame.f_locals["queue"].handler) if "queue" in frame.f_locals else None


def _of_message(frame: FrameType) -> str | None:
    return _handler_of(type(frame.f_locals["message"]).__name__) if "message" in frame.f_locals else None


@functools.cache
def _entries_by_identity() -> Mapping[int, str]:
    return {id(code): whose for code, whose in entries().items()}


@functools.cache
def _worked_off_by_identity() -> frozenset[int]:
    return frozenset(map(id, _worked_off()))


def working_off() -> str | None:
    """The function that may have to do what is done now, besides the one that does; None where it has not."""
    worked_off = _worked_off_by_identity()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if id(frame.f_code) in worked_off:
            return _handler_of(messages.WorkOffShard.__name__)
        frame = frame.f_back
    return None


def acting() -> str | None:
    """The function on whose behalf this thread works now; None where it is the test's own."""
    found: str | None = None
    told_by, of_services = _told_by(), _entries_by_identity()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = id(frame.f_code)
        if code in told_by and (whose := told_by[code](frame)) is not None:
            return whose
        found = of_services.get(code, found)
        frame = frame.f_back
    return found
