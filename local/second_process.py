"""Where the clocks and queues of a node are worked: in the process that answers requests, or in a second.

Python computes in one thread of a process at a time. With a process for each, placing, performing and
archiving runs takes no turns from those who ask, and has a core of its own. The two share the node's file and
nothing else, but for word of what the second changed, so that requests that wait for it are answered at once,
and of what it counted, which is shown with the first's.

The second process ends with the first. Should it end by itself, its work goes on in the first.
"""

import contextlib
import ctypes
import gc
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from chalicelib.domain.names import NodeName
from chalicelib.domain.telemetry import Sample
from chalicelib.infrastructure import process_counters
from chalicelib.infrastructure.stopping import Stop
from chalicelib.store import changes, journal
from chalicelib.store.events import Members
from local.drivers import Drivers
from local.inprocess import drive

_LOG = logging.getLogger(__name__)

STOP = 10.0
"""Seconds that the second process is given to stop: twice what it gives the work under way."""
NOTICE = 1.0
"""Seconds after its end in which the first may be told to stop as well, before it takes the work over."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GO = "go"


class Event(NamedTuple):
    """What the second process notes in the journal."""

    node: NodeName
    kind: str
    members: Members


Word = str | Event | list[Sample]
"""What the second process says: a task that something happened to, an event, or all it has counted so far."""


@contextlib.contextmanager
def in_this_process(app: Any, period: float) -> Iterator[None]:
    """The clocks tick and the queues are worked on, beside whatever else this process does."""
    drivers = drive(app, period)
    try:
        yield
    finally:
        _stop(drivers)


class SecondProcess:
    """The first process's hold of the second, which waits to be told to begin."""

    def __init__(self, app: Any, period: float, pid: int, words: "Connection[str, Word]"):
        self._app, self._period = app, period
        self._pid = pid
        self._words = words
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="second-process", daemon=True)
        self._drivers: Drivers | None = None

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Have the clocks tick and the queues be worked on."""
        self._words.send(_GO)
        self._thread.start()
        try:
            yield
        finally:
            self._stop()

    def _listen(self) -> None:
        """Pass on what the second process says, until it ends."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                _pass_on(self._words.recv())
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if not self._stopping.wait(NOTICE):
            _LOG.error("The process of the clocks and queues ended (%s): this one goes on with both.", status)
            self._drivers = drive(self._app, self._period)

    def _stop(self) -> None:
        self._stopping.set()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        self._thread.join(STOP)
        if self._thread.is_alive():
            os.kill(self._pid, signal.SIGKILL)
            self._thread.join(STOP)
        if self._drivers:
            _stop(self._drivers)


def _pass_on(word: Word) -> None:
    """What the second process wrote and counted becomes known here, as if that was done here."""
    if isinstance(word, str):
        changes.announce(word)
    elif isinstance(word, Event):
        journal.note(*word)
    else:
        process_counters.include(word)


def begin(app: Any, period: float) -> SecondProcess:
    """Make the second process, which shares what is in memory by now. No other thread may run yet: what locks
    it held would be held for ever."""
    ours, theirs = multiprocessing.Pipe()
    first = os.getpid()
    gc.collect()
    gc.freeze()  # looking for garbage writes to every object, and a page that is written to is shared no more
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ours.close()
            status = work(app, period, theirs, first)
        except Exception:
            _LOG.exception("The process of the clocks and queues failed")
        finally:
            os._exit(status)  # what the first process has on its stack is not this one's to end
    theirs.close()
    return SecondProcess(app, period, pid, ours)


def work(app: Any, period: float, words: "Connection[Word, str]", first: int) -> int:
    """What the second process does: wait for its beginning, then drive until it is told to stop."""
    stopping = Stop().by([signal.SIGTERM])
    for number in (signal.SIGINT, signal.SIGHUP):  # they reach both, and the first tells this one
        signal.signal(number, lambda *_: None)
    _end_with(first)
    try:
        words.recv()
    except EOFError:
        return 0  # it never came to serve
    process_counters.forget()  # those of the first, which has them itself
    say = _teller(words)
    drivers = drive(app, period)
    told: list[Sample] = []
    while not stopping.wait(1.0) and os.getppid() == first:
        counted = process_counters.samples()
        if counted != told:
            say(counted)
            told = counted
    _stop(drivers)
    return 0


def _end_with(first: int) -> None:
    """Be killed when the process ends that made this one, however that ends. Where there is no such call, it
    is noticed within a second."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != first:
        os._exit(1)


def _teller(words: "Connection[Word, Any]") -> Callable[[Word], None]:
    """How this process says something; it says by itself what it writes from now on."""
    turn = threading.Lock()

    def say(word: Word) -> None:
        with turn, contextlib.suppress(OSError):  # the first has ended, and this one is ended with it
            words.send(word)

    changes.listen(lambda task: None if task == changes.ANYTHING else say(task))
    journal.pass_on(lambda node, kind, members: say(Event(node, kind, members)))
    return say


def _stop(drivers: Drivers) -> None:
    left = drivers.stop()
    if left:
        with contextlib.suppress(BrokenPipeError):
            print(f"{left} messages could not be put back on their queues: they come back later.", flush=True)
