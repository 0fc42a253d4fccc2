"""The state of this machine's clock, as the kernel knows it (docs/contract/api.md, Administrative)."""

import ctypes
import dataclasses
import datetime as dt
import functools
import sys
from collections.abc import Callable

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC

TIME_ERROR = 5
"""What adjtimex answers where the clock is not synchronized."""
STA_UNSYNC = 0x0040
STA_NANO = 0x2000


class Timex(ctypes.Structure):
    """The kernel's ``struct timex`` up to the members read here, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 32),
    )


@dataclasses.dataclass(frozen=True)
class KernelClock:
    """What adjtimex answered: whether the clock is kept, and by how many seconds it is off."""

    synchronized: bool
    offset: float


def read_kernel() -> KernelClock | None:
    """Ask the kernel; None where it cannot be asked (no Linux, or a sandbox that forbids it)."""
    adjtimex = _adjtimex()
    if adjtimex is None:
        return None
    timex = Timex(modes=0)  # sets nothing
    answer = adjtimex(ctypes.byref(timex))
    return None if answer < 0 else interpret(answer, timex.status, timex.offset)


def interpret(answer: int, status: int, offset: int) -> KernelClock:
    """adjtimex's return value and the members it filled -> the clock; see adjtimex(2)."""
    unit = 1e-9 if status & STA_NANO else 1e-6
    return KernelClock(answer != TIME_ERROR and not status & STA_UNSYNC, offset * unit)


@functools.cache
def _adjtimex() -> Callable[[object], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        function = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    function.restype = ctypes.c_int
    return function


def clock_state(now: dt.datetime, read: Callable[[], KernelClock | None] = read_kernel) -> dict[str, JSON]:
    """``{time, synchronized, source, offset?}``; offset in seconds. Never waits.

    The kernel does not know which program keeps its clock; every one that does speaks NTP. There is no
    ``error`` to say why it is not kept: leads copy this into results of the test clock, whose ClockState
    is closed and knows none (docs/contract/types.md).
    """
    # Always with microseconds, which isoformat leaves out of a whole second.
    state: dict[str, JSON] = {"time": now.astimezone(UTC).isoformat(timespec="microseconds")}
    kernel = read()
    if kernel is None or not kernel.synchronized:
        return {**state, "synchronized": False, "source": "unknown"}
    return {**state, "synchronized": True, "source": "ntp", "offset": kernel.offset}
