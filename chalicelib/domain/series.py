"""Series of points: what the runs of one kind of measurement between two ends came to, over time.

A series is told by what was measured, between whom, with what and how: two tasks that do the same have one
series, and a task that is posted anew goes on with its own. Every run that is over leaves a point, those
that failed or never started too, so that a gap is never silent.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence

from chalicelib.domain.documents import sanitized
from chalicelib.domain.endpoints import endpoints, label_of
from chalicelib.domain.metrics import TEXT, Metric
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import EPOCH, format_timestamp, hour_of

KEPT = dt.timedelta(days=180)
"""How long series and what they were are kept."""
HOUR = dt.timedelta(hours=1)
GRACE = dt.timedelta(minutes=10)
"""How long after its end an hour is waited for results that are late, before it is rolled up."""
HOURS_TOGETHER = 6
"""How many hours are rolled up at once, since the series is written each time; until then their points are
read by themselves."""
RAW_KEPT = dt.timedelta(days=3)
"""How long points are kept by themselves; by then the hour they are in was rolled up, and has them all."""

_ID_DIGITS = 20


@dataclasses.dataclass(frozen=True)
class Series:
    """What identifies a series; ``checksum`` is that of the spec, without what is private in it."""

    test: str
    tool: str
    source: str
    destination: str
    checksum: str
    label: str = ""

    @functools.cached_property
    def uuid(self) -> str:
        """Its identifier: twenty hexadecimal digits, the same on every node that measures the same."""
        what = (self.test, self.tool, self.source, self.destination, self.checksum, self.label)
        return _digest(what)[:_ID_DIGITS]

    def describe(self) -> dict[str, JSON]:
        members = dataclasses.asdict(self)
        return {"id": self.uuid, **{name: value for name, value in members.items() if value}}


@dataclasses.dataclass(frozen=True)
class Point:
    """What one run came to. Texts, such as the path of a trace, are among ``values``.

    unreliable  names of the values that cannot be believed
    """

    at: dt.datetime
    run: str
    task: str
    state: State
    values: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    unreliable: frozenset[str] = frozenset()

    @property
    def succeeded(self) -> bool:
        return self.state is State.FINISHED

    @property
    def hour(self) -> dt.datetime:
        return hour_of(self.at)

    def describe(self) -> dict[str, JSON]:
        unreliable = {"unreliable": sorted(self.unreliable)} if self.unreliable else {}
        return {
            "time": format_timestamp(self.at),
            "state": self.state.value,
            "values": dict(self.values),
            "run": self.run,
            "task": self.task,
            **unreliable,
        }


def series_of(document: Mapping[str, JSON], tool: str, participants: Sequence[str | None]) -> Series:
    """The series that runs of a task belong to. ``document`` is the task's."""
    test = document["test"]
    spec = sanitized(test["spec"])
    source, destination = endpoints(spec, participants)
    return Series(
        test=test["type"],
        tool=tool,
        source=source,
        destination=destination,
        checksum=_digest({name: value for name, value in spec.items() if name != "schema"})[:12],
        label=label_of(document.get("reference")),
    )


def point_of(at: dt.datetime, run: str, task: str, state: State, metrics: Sequence[Metric]) -> Point:
    """The point of a run; a number that is not to be believed stays, and is marked."""
    return Point(
        at,
        run,
        task,
        state,
        {metric.name: metric.value for metric in metrics},
        frozenset(metric.name for metric in metrics if not metric.reliable and metric.unit != TEXT),
    )


def rolled_up_at(series: str, hour: dt.datetime) -> dt.datetime:
    """When the hours from one on are rolled up: not all series in the same hour of six."""
    following = (hour - EPOCH) // HOUR + 1
    waits = (int(series[:8], 16) - following) % HOURS_TOGETHER
    return hour + (1 + waits) * HOUR + GRACE


def _digest(value: JSON) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
