"""What a mesh costs on AWS: played through the real code in simulated time (``mesh_play.py``).

What is played is said as it begins. An hour is counted, since some things are done once an hour; before that
the first runs are placed, which is not counted.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from bench.mesh import MESH, Test, post
from bench.mesh_play import MONTH, SHARED, Counts, playing, tasks_of

WARM_UP = dt.timedelta(minutes=20)
"""Before that nothing is counted: tasks are posted and their first runs placed."""
PER_READ, PER_WRITE, PER_QUEUE_REQUEST, PER_INVOCATION = 0.125e-6, 0.625e-6, 0.40e-6, 0.20e-6
PER_GB_SECOND = 0.0000166667
"""US dollars, on-demand list prices of us-east-1 as of 2026-11."""
PRICES_OF = "2026-11, us-east-1, on demand"
GB = 0.5
"""The memory of a function."""


def mesh_cost(
    hosts: int,
    hours: float,
    say: Callable[[str], None],
    tests: Sequence[Test] = MESH,
    shards: int | None = None,
) -> Counts:
    """What was counted while so many hosts measured to one another for so many hours.

    The clocks' own calls are in it, so a larger mesh costs less a run.
    """
    names = [f"h{number}.example.net" for number in range(1, hosts + 1)]
    counted_for = dt.timedelta(hours=hours)
    with playing(names, shards) as play:
        tasks = tasks_of(play, post(names, tests, play.now, play.now + dt.timedelta(minutes=1)))
        say(f"{tasks} tasks of {hosts} hosts are posted; {WARM_UP} and {counted_for} pass ...")
        play.until(play.began + WARM_UP)
        play.counts.clear()
        play.until(play.began + WARM_UP + counted_for)
    return play.counts


def bill(counts: Counts, hours: float) -> list[dict[str, Any]]:
    """A row for each thing that is billed: for a run, for a million, and for this mesh a month."""
    billed = {
        "write units": (counts.writes.total(), PER_WRITE),
        "read units": (counts.reads.total(), PER_READ),
        "queue requests": (counts.queue_requests.total(), PER_QUEUE_REQUEST),
        "invocations": (counts.invocations.total(), PER_INVOCATION),
        "Lambda seconds": (sum(counts.seconds.values()), PER_GB_SECOND * GB),
    }
    return [
        {
            "billed": what,
            "a run": number / counts.runs,
            "$ a million runs": number / counts.runs * price * 1e6,
            "$ a month": number * price * (MONTH / dt.timedelta(hours=hours)),
        }
        for what, (number, price) in billed.items()
    ]


def by_test(counts: Counts, tests: Sequence[Test]) -> list[dict[str, Any]]:
    """What a measurement of each test costs by itself, and what is left: the clocks', shared by all."""
    measured = {test.name: counts.performed[test.name] / (2 if test.together else 1) for test in tests}
    measured[SHARED] = sum(measured.values())
    return [{"test": test, "measured": made, **_each(counts, test, made)} for test, made in measured.items()]


def _each(counts: Counts, test: str, made: float) -> dict[str, float]:
    def share(units: Counter[Any]) -> float:
        return sum(number for place, number in units.items() if place[0] == test) / (made or 1)

    invocations = sum(number for (_, whose), number in counts.invocations.items() if whose == test)
    return {
        "write units": share(counts.writes),
        "read units": share(counts.reads),
        "queue requests": counts.queue_requests[test] / (made or 1),
        "invocations": invocations / (made or 1),
        "Lambda seconds": counts.seconds[test] / (made or 1),
    }


def where(counts: Counts, least: float = 0.05) -> list[dict[str, Any]]:
    """Where the units of a run go, the largest first."""
    rows = []
    for kind, units in {"write": counts.writes, "read": counts.reads}.items():
        together: Counter[str] = Counter()
        for place, number in units.items():
            together[f"{place.function} / {place.table}"] += number
        rows += [
            {"units": kind, "by / of": place, "a run": number / counts.runs}
            for place, number in together.most_common()
            if number / counts.runs >= least
        ]
    return rows
