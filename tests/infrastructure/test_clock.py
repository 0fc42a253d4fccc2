"""The clock's state is what other nodes copy into results."""

import datetime as dt

import pytest

from chalicelib.domain.schemas import Checker
from chalicelib.domain.times import UTC
from chalicelib.domain.types import TYPES
from chalicelib.infrastructure.system_clock import KernelClock, clock_state

NOW = dt.datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "kernel",
    [
        KernelClock(synchronized=True, offset=0.001),
        KernelClock(synchronized=False, offset=0.0),
        None,  # it cannot be asked
    ],
)
def test_it_is_a_clock_state_whatever_the_kernel_says(kernel: KernelClock | None) -> None:
    # Leads of the reference server take it as it comes, and then cannot show a result with more in it.
    state = clock_state(NOW, read=lambda: kernel)

    assert Checker(TYPES["ClockState"]).problem(state) is None
    assert state["synchronized"] is (kernel is not None and kernel.synchronized)
