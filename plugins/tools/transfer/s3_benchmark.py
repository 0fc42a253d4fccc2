"""s3-benchmark: performs s3throughput as the program of that name does (docs/contract/tools.md section 2).

A loop puts objects for a while, gets them for as long, and deletes them: its own, and no others. It keeps to
the time that was planned: a loop that does not fit is not begun.
"""

import contextlib
import dataclasses
import datetime as dt
import importlib.util
import itertools
import json
import time
from collections.abc import Callable, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.si import format_si
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.tools.transfer import object_store
from plugins.tools.web import fetched_urls

DURATION = 30 * SECOND
LARGEST = 2**40
"""Bytes that no object may have."""
MARGIN = 1.0
"""Seconds at the end of a run that are left for tidying up."""


@dataclasses.dataclass(frozen=True)
class Phase:
    """One kind of operation, done for a while: seconds it took, and how many there were."""

    seconds: float
    count: int

    def rate(self) -> float:
        """Operations a second."""
        return self.count / max(self.seconds, 1e-6)


@dataclasses.dataclass(frozen=True)
class Loop:
    """One round of all three."""

    put: Phase
    get: Phase
    delete: Phase

    def describe(self, number: int, size: int) -> dict[str, JSON]:
        """As the program prints it: numbers with their units, as text."""
        described: dict[str, JSON] = {"loop_num": number}
        for verb, phase in (("put", self.put), ("get", self.get)):
            described[f"{verb}_time"] = f"{phase.seconds:.1f} secs"
            described[f"{verb}_objects"] = str(phase.count)
            described[f"{verb}_speed"] = format_si(phase.rate() * size, "B/sec").replace(" ", "")
            described[f"{verb}_operations"] = f"{phase.rate():.1f}"
        described["delete_time"] = f"{self.delete.seconds:.1f} secs"
        described["deletes"] = f"{self.delete.rate():.1f}"
        return described


def phase_duration(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["duration"]) if "duration" in spec else DURATION


def duration(test: str, spec: Spec) -> dt.timedelta:
    each = phase_duration(spec)
    timeout = parse_duration(spec["timeout"]) if "timeout" in spec else each
    return 3 * each if timeout == each else timeout  # as the reference plans, odd as it is


def declines(test: str, spec: Spec) -> list[str]:
    each, strange_url = phase_duration(spec), fetched_urls.form_refusal(spec["url"])
    rules = (
        (strange_url is not None, str(strange_url)),
        (spec["object-size"] >= LARGEST, f"Objects of {LARGEST} bytes and more are too large"),
        (
            duration(test, spec) < 2 * each,
            f"To put and get for {format_duration(each)} each does not fit the timeout",
        ),
        (not each, "Needs some time to put and get objects"),
    )
    return [reason for broken, reason in rules if broken]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the store does not answer, or will not."""
    spec, limit = job.spec, duration(job.test, job.spec).total_seconds()
    with object_store.opened(spec, patience=limit) as store:
        job.wait_for_start()
        begun = time.monotonic()
        try:
            with guarded_connections.ending(limit):
                loops = _loops(job, store, begun + limit - MARGIN)
        except TimeoutError as error:
            raise PluginFailed("The store was too slow for the time that was planned") from error
        taken = dt.timedelta(seconds=time.monotonic() - begun)
    wanted = int(spec.get("iterations", 1))
    diags = "" if len(loops) == wanted else f"There was time for {len(loops)} of {wanted} loops\n"
    return wrapped({"time": format_duration(taken), **summary(loops, int(spec["object-size"]))}, diags)


def _loops(job: Job, store: object_store.Store, deadline: float) -> list[Loop]:
    """As many loops as are wanted, or have time; the first in any case."""
    each = phase_duration(job.spec).total_seconds()
    done: list[Loop] = []
    for _ in range(int(job.spec.get("iterations", 1))):
        if done and time.monotonic() + 2 * each > deadline:
            break
        done.append(_loop(job, store, each, deadline))
    return done


def _loop(job: Job, store: object_store.Store, each: float, deadline: float) -> Loop:
    size = int(job.spec["object-size"])
    keys: list[str] = []
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(lambda: store.discard(keys))

        def put(number: int) -> None:
            keys.append(store.new_key())
            store.put(keys[-1], size)

        def get(number: int) -> None:
            store.get(keys[number % len(keys)], size)

        def delete(number: int) -> None:
            store.delete(keys.pop())

        putting = _phase(job, put, time.monotonic() + each, deadline)
        getting = _phase(job, get, time.monotonic() + each, deadline)
        deleting = _phase(job, delete, deadline, None, most=len(keys))
    return Loop(putting, getting, deleting)


def _phase(
    job: Job, work: Callable[[int], None], until: float, deadline: float | None, most: int | None = None
) -> Phase:
    """Do something until a time comes, or so many times; once at least.

    Raises PluginFailed when the deadline, where there is one, comes first.
    """
    begun, count = time.monotonic(), 0
    for number in itertools.count():
        job.host.sleep_until(job.start)  # no wait, but where a run that was cancelled ends
        now = time.monotonic()
        if deadline is not None and now > deadline:
            raise PluginFailed("The store was too slow for the time that was planned")
        if number and (now >= until or count == most):
            break
        work(number)
        count += 1
    return Phase(time.monotonic() - begun, count)


def summary(loops: Sequence[Loop], size: int) -> Result:
    """The test's result but for its time: seconds an object on average, and the loops as JSON in a string."""
    averages = {}
    for verb in ("put", "get", "delete"):
        phases = [getattr(loop, verb) for loop in loops]
        averages[f"average_{verb}_time"] = sum(p.seconds for p in phases) / sum(p.count for p in phases)
    described = {str(number): loop.describe(number, size) for number, loop in enumerate(loops, start=1)}
    return {"schema": 1, "succeeded": True, **averages, "loops": json.dumps(described)}


def needs() -> list[str]:
    there = importlib.util.find_spec("botocore")
    return [] if there else ["The library botocore is missing: pip install pscheduler-agent[s3]"]


TOOL = Tool(
    name="s3-benchmark",
    label="S3 Benchmark",
    description="Put objects into an S3 store, get and delete them, and measure how long it takes",
    tests=("s3throughput",),
    declines=declines,
    needs=needs,
    duration=duration,
    run=run,
)
