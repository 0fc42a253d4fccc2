"""Being told to stop, at whatever moment."""

import pathlib
import signal
import subprocess
import sys

from chalicelib.infrastructure.stopping import Stop

HERE = pathlib.Path(__file__).resolve().parent.parent.parent

EVERY_MOMENT = """
import signal, sys
from chalicelib.infrastructure.stopping import Stop

def waits(moment):
    '''Whether there was such a moment in a wait, and the signal at it ended the wait.'''
    stop, passed = Stop(), [0]
    signal.signal(signal.SIGUSR1, lambda *_: stop.set())

    def trace(frame, event, argument):
        passed[0] += 1
        if passed[0] == moment:
            signal.raise_signal(signal.SIGUSR1)
        return trace

    sys.settrace(trace)
    try:
        stop.wait(0.01)
    finally:
        sys.settrace(None)
    assert passed[0] < moment or (stop.is_set() and stop.wait(60)), moment
    return passed[0] >= moment

moment = 1
while waits(moment):
    moment += 1
print(moment)
"""


def test_a_signal_at_any_moment_of_a_wait_ends_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", EVERY_MOMENT],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 3


def test_who_waits_is_woken_by_a_signal() -> None:
    before = signal.getsignal(signal.SIGALRM)
    stop = Stop().by([signal.SIGALRM])
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert stop.wait(60)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_wait_ends_by_itself_and_what_was_told_stays_told() -> None:
    stop = Stop()

    assert not stop.wait(0.01)
    assert not stop.is_set()
    stop.set()
    stop.set()
    assert [stop.wait(60) for _ in range(3)] == [True] * 3
    assert stop.is_set()
