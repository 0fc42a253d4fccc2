"""Word of runs that were written by this process, for those of it who wait for one.

What other processes write nobody hears of here: whoever waits looks now and then as well.
"""

from collections.abc import Callable

Listener = Callable[[str], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Have a function called with the task of every run that is written. It must be quick, and not raise."""
    _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Have it called no more."""
    if listener in _listeners:
        _listeners.remove(listener)


def announce(task: str) -> None:
    """Say that a run of a task was written."""
    for listener in tuple(_listeners):
        listener(task)
