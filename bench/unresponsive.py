"""Five nodes, one of which accepts connections and never answers: what that costs the tasks of the others.

Healthy and sick spells take turns, and a sick one is held against those before and after it, so that what
else the machine does falls on both alike. The sick node is well, and works as before; a proxy before it keeps
silent.
"""

import contextlib
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from itertools import chain
from typing import Any

from bench.benched_node import delete, detail, free_port, peering, post, start
from bench.load import spread

LEAD, *WELL, SICK = (f"127.0.0.{number}" for number in range(1, 6))
BEHIND = "127.0.0.15"
"""Where the sick node really is."""
ROUNDS = 5
STUCK = 100
"""Tasks of the sick node: more than a node has workers for what waits for others."""
SPELL = 30.0
"""Seconds a turn lasts: the planner has looked by then, and waited for an answer."""
LATER = 10
"""Seconds after which the tasks of the sick node are to be planned: all have been posted by then."""
RUNS = 4


class Proxy:
    """Hands connections on to a node, or while ``silent`` takes them, and what they say, and does nothing."""

    def __init__(self, listening: tuple[str, int], node: tuple[str, int]):
        self.silent = False
        self._node = node
        self._selector = selectors.DefaultSelector()
        self._server = socket.create_server(listening, backlog=256)
        self._others: dict[socket.socket, socket.socket] = {}
        self._selector.register(self._server, selectors.EVENT_READ)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._server:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        ours, _ = self._server.accept()
        try:
            theirs = socket.create_connection(self._node)
        except OSError:  # the node has been stopped
            ours.close()
            return
        for one, other in ((ours, theirs), (theirs, ours)):
            self._others[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _pass_on(self, one: socket.socket) -> None:
        try:
            content = one.recv(65536)
        except OSError:
            content = b""
        if content and self.silent:
            return
        if content:
            with contextlib.suppress(OSError):
                self._others[one].sendall(content)
            return
        for each in (one, self._others.pop(one)):
            self._others.pop(each, None)
            self._selector.unregister(each)
            each.close()


def unresponsive() -> list[dict[str, Any]]:
    """Rows: how long tasks of the healthy take to be planned, while the fifth is well and while it is not."""
    port = free_port()
    variables = peering(port)
    with contextlib.ExitStack() as nodes:
        lead = nodes.enter_context(start(LEAD, port, variables))
        for address in WELL:
            nodes.enter_context(start(address, port, variables))
        nodes.enter_context(start(BEHIND, port, {**variables, "PSCHEDULER_HOSTNAME": SICK}))
        proxy = Proxy((SICK, port), (BEHIND, port))
        _for_a_spell(lead.base)  # warms everything up
        well, ill = [_for_a_spell(lead.base)], []
        for _ in range(ROUNDS):
            with _sick(proxy, lead.base):
                ill.append(_for_a_spell(lead.base))
            well.append(_for_a_spell(lead.base))
    slower = _slower(well, ill)
    noise = _slower(well[::2], well[1::2])
    return [
        spread(f"{RUNS} runs of {1 + len(WELL)} participants planned, all well", list(chain(*well))),
        spread(f"the same beside {STUCK} tasks of one that never answers", list(chain(*ill))),
        {"what": f"slower by, %, median of {ROUNDS} rounds", "figure": statistics.median(slower)},
        {"what": "in each round", "figure": _shown(slower)},
        {"what": "and healthy spells against each other", "figure": _shown(noise)},
    ]


def _slower(around: list[list[float]], spells: list[list[float]]) -> list[float]:
    """By how many per cent each spell was slower than those before and after it."""
    return [
        100 * (statistics.median(times) / statistics.median(before + after) - 1)
        for before, times, after in zip(around, spells, around[1:], strict=False)
    ]


def _shown(percents: list[float]) -> str:
    return ", ".join(f"{each:+.1f}" for each in percents)


def _for_a_spell(base: str) -> list[float]:
    until, times = time.monotonic() + SPELL, []
    while time.monotonic() < until:
        times.append(_planned(base))
    return times


def _require_tried(stuck: list[str]) -> None:
    """The figure would be worth nothing if nobody had waited for the sick node meanwhile."""
    waiting = [task for task in stuck if "answer" in (detail(task)["next-planning-reason"] or "")]
    if len(waiting) < len(stuck):
        raise SystemExit(f"Only {len(waiting)} of {len(stuck)} tasks of the sick node were waiting for it")


@contextlib.contextmanager
def _sick(proxy: Proxy, base: str) -> Iterator[None]:
    """A node that does not answer any more, while tasks it takes part in want to be planned."""
    task = _task([LEAD, SICK], start=f"PT{LATER}S", slip="P1D")
    stuck = [post(base, "/tasks", task) for _ in range(STUCK)]
    proxy.silent = True
    time.sleep(LATER)
    try:
        yield
        _require_tried(stuck)
    finally:
        proxy.silent = False
        time.sleep(15)  # its tasks are planned now, which is nothing to be measured


def _task(hosts: list[str], **schedule: Any) -> dict[str, Any]:
    spec = {"schema": 2, "duration": "PT1S", "host": hosts}
    return {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": schedule}


def _planned(base: str) -> float:
    """Milliseconds from posting a repeating task of those who are well until its runs of a day are agreed."""
    began = time.perf_counter()
    task = post(base, "/tasks", _task([LEAD, *WELL], start="PT1H", repeat=f"PT{24 // RUNS}H"))
    while detail(task)["runs"] < RUNS:
        time.sleep(0.02)
    took = (time.perf_counter() - began) * 1000
    delete(task)
    return took
