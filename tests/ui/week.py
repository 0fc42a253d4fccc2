"""A week of a mesh in a node's state: ``python -m tests.ui.week STATE`` fills it, a node then serves it.

Eight hosts measure to one another. Four things went wrong, each where the constants say: a path is down and
has been for hours, a route changed, a path is slow, and the clock of a host is off.
"""

import dataclasses
import datetime as dt
import itertools
import pathlib
import random
import sys
import uuid
from collections.abc import Iterator
from typing import Any

from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.repeat import Progress, Schedule
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.domain.times import UTC
from local import engine_sqlite, environment

NODE = NodeName("local")
HOSTS = tuple(f"{name}.example.net" for name in ("ams", "fra", "gva", "lon", "mad", "par", "vie", "waw"))
OUTAGE = ("gva.example.net", "waw.example.net")
REROUTED = ("fra.example.net", "par.example.net")
SLOW = ("ams.example.net", "vie.example.net")
BAD_CLOCK = "mad.example.net"
PLAIN = ("lon.example.net", "par.example.net")
WATCHED = (OUTAGE, REROUTED, SLOW, (PLAIN[0], BAD_CLOCK), PLAIN)
"""Paths measured every hour; the others every so many hours."""

HOUR = dt.timedelta(hours=1)
WEEK = 7 * 24 * HOUR
DOWN_SINCE, MOVED = 3 * HOUR, 10 * HOUR
"""How long ago that was."""
USUAL_HOP, OTHER_HOP = "192.0.2.40", "198.51.100.7"
OFTEN, SELDOM, BEFORE = 1, 24, 6
"""Hours from one result of a path to its next: of one that is watched, of another, and of one that is watched
more than a day ago."""
OTHERS = 2 * 24 * HOUR
"""How far back there are results of paths that are not watched: nobody looks at more of them."""
APART = dt.timedelta(seconds=13)
"""From the runs of an hour to one another: no two of an exclusive test overlap."""
WITH_RUNS = 6 * HOUR
"""How far back the runs are there, too; older ones were purged as a node does."""
TOOLS = {"rtt": "ping", "latency": "owping", "throughput": "iperf3", "trace": "traceroute"}
LENGTHS = {"rtt": 10, "latency": 20, "throughput": 15, "trace": 10}
RULES: dict[str, dict[str, Any]] = {
    "loss": {
        "description": "Packets are lost on the way",
        "series": {"test": "rtt"},
        "metric": "loss.ratio",
        "critical": {"above": 0.05, "clear": 0.01},
        "notify": [{"archiver": "bitbucket", "data": {}}],
    },
    "slow": {
        "description": "Less than it should carry",
        "series": {"test": "throughput"},
        "metric": "throughput.bps",
        "warning": {"below": 1e9},
        "critical": {"below": 1e7},
        "no-data": "P2D",
        "notify": [{"archiver": "bitbucket", "data": {}}],
    },
}
"""Since as long as there are runs."""
BLOCKED = 3
"""Runs for which no time was free."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is measured between two hosts, and its task."""

    test: str
    path: tuple[str, str]
    task: Task


def main() -> None:
    state = pathlib.Path(sys.argv[1])
    environment.set_environment()
    now = dt.datetime.now(UTC).replace(microsecond=0)
    with engine_sqlite.opened(state, synchronous="OFF"):
        environment.create_everything()
        fill(now)


def fill(now: dt.datetime) -> None:
    """Store the week before ``now``."""
    from chalicelib.service.alerts import rules, watch
    from chalicelib.service.series import hourly_rollups, points

    kinds = [_kind(test, path, now) for path in itertools.permutations(HOSTS, 2) for test in TOOLS]
    for at in _hours(now):
        is_watched = at > now - WITH_RUNS
        for name, rule in RULES.items() if at == now - WITH_RUNS + HOUR else ():
            rules.put_rule(NODE, name, rule, at)
        for number, kind in enumerate(kinds):
            if _is_measured(kind, at, now):
                run = _run(kind, at + number * APART, now)
                (watch if is_watched else points).leave(kind.task, run, run.end)
        if at.hour == 0:
            _roll(hourly_rollups, at)
    _roll(hourly_rollups, now)
    _store_tasks(kinds, now)


def _roll(rolling: Any, now: dt.datetime) -> None:
    while rolling.tick(now):
        pass


def _hours(now: dt.datetime) -> Iterator[dt.datetime]:
    at = now - WEEK
    while at < now - HOUR / 4:
        yield at
        at += HOUR


def _is_measured(kind: Kind, at: dt.datetime, now: dt.datetime) -> bool:
    if kind.path in WATCHED:
        every = OFTEN if now - at <= 25 * HOUR else BEFORE
    elif now - at <= OTHERS:
        every = SELDOM
    else:
        return False
    return ((now - at) // HOUR - 1) % every == 0


def _kind(test: str, path: tuple[str, str], now: dt.datetime) -> Kind:
    source, dest = path
    spec: dict[str, Any] = {"source": source, "dest": dest}
    document = {
        "schema": 1,
        "test": {"type": test, "spec": spec},
        "tool": TOOLS[test],
        "schedule": {"repeat": "PT1H"},
        "reference": {"label": "Mesh of eight"},
    }
    task = Task(
        node=NODE,
        uuid=TaskId(str(_uuid(f"{test} {source} {dest}"))),
        document=document,
        schedule=Schedule(repeat=HOUR, until=now),
        participants=(source,),
        duration=dt.timedelta(seconds=LENGTHS[test]),
        scheduling_class="exclusive" if test == "throughput" else "background",
        added=now - WEEK,
        cli=("--source", source, "--dest", dest),
        hints={"requester": "192.0.2.1"},
        enabled=False,
    )
    return Kind(test, path, task)


def _uuid(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_DNS, name)


def _run(kind: Kind, at: dt.datetime, now: dt.datetime) -> Run:
    result = RESULTS[kind.test](kind.path, at, now)
    state = State.FINISHED if result["succeeded"] else State.FAILED
    run = Run(
        node=NODE,
        task=kind.task.uuid,
        uuid=RunId(str(_uuid(f"{kind.task.uuid} {at}"))),
        start=at,
        end=at + kind.task.duration,
        state=state,
        added=at - HOUR,
    )
    return run.with_documents(result=result, result_full=[result], result_merged=result)


def _is_down(path: tuple[str, str], at: dt.datetime, now: dt.datetime) -> bool:
    return path == OUTAGE and at > now - DOWN_SINCE


def _usual(path: tuple[str, str]) -> float:
    """Milliseconds to the other end and back."""
    return 8.0 + 3.0 * abs(HOSTS.index(path[0]) - HOSTS.index(path[1]))


def _chance(path: tuple[str, str], at: dt.datetime) -> random.Random:
    return random.Random(f"{path} {at.hour}")


def _seconds(milliseconds: float) -> str:
    return f"PT{milliseconds / 1000:.6f}S"


def _failed(error: str) -> dict[str, Any]:
    return {"succeeded": False, "schema": 1, "error": error, "diags": "connect: Network is unreachable"}


def _rtt(path: tuple[str, str], at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    """All packets lost is a result, too."""
    if _is_down(path, at, now):
        counted = {"sent": 5, "received": 0, "lost": 5, "loss": 1.0, "duplicates": 0, "reorders": 0}
        return {"succeeded": True, "schema": 1, "roundtrips": [], **counted}
    chance, usual = _chance(path, at), _usual(path)
    trips = [usual * chance.uniform(0.98, 1.2) for _ in range(5)]
    return {
        "succeeded": True,
        "schema": 1,
        "sent": 5,
        "received": 5,
        "lost": 0,
        "loss": 0.0,
        "duplicates": 0,
        "reorders": 0,
        "roundtrips": [
            {"seq": seq, "ip": "192.0.2.9", "length": 64, "ttl": 58, "rtt": _seconds(trip)}
            for seq, trip in enumerate(trips, 1)
        ],
        "min": _seconds(min(trips)),
        "max": _seconds(max(trips)),
        "mean": _seconds(sum(trips) / len(trips)),
        "stddev": _seconds(0.4),
    }


def _latency(path: tuple[str, str], at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    if _is_down(path, at, now):
        return _failed("No packet arrived.")
    chance, is_off = _chance(path, at), BAD_CLOCK in path
    middle = _usual(path) / 2 - (30 if is_off else 0)
    counts = {f"{middle + step / 10:.2f}": chance.randint(1, 20) * (6 - abs(step)) for step in range(-3, 6)}
    total = sum(counts.values())
    return {
        "succeeded": True,
        "schema": 1,
        "histogram-latency": counts,
        "histogram-ttl": {"250": total},
        "max-clock-error": 40.0 if is_off else 0.2,
        "packets-sent": total,
        "packets-received": total,
        "packets-lost": 0,
        "packets-duplicated": 0,
        "packets-reordered": 0,
    }


def _throughput(path: tuple[str, str], at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    if _is_down(path, at, now):
        return _failed("The server could not be reached.")
    chance, top = _chance(path, at), 6e7 if path == SLOW else 9.4e9
    bits = [top * chance.uniform(0.85, 1.0) for _ in range(10)]
    intervals = [_sent(second, second + 1, amount) for second, amount in enumerate(bits)]
    total = _sent(0, 10, sum(bits) / 10)
    return {
        "succeeded": True,
        "schema": 1,
        "intervals": [{"summary": one, "streams": [{"stream-id": 5, **one}]} for one in intervals],
        "summary": {"summary": total, "streams": [{"stream-id": 5, **total}]},
    }


def _sent(start: float, end: float, bits: float) -> dict[str, Any]:
    return {
        "start": start,
        "end": end,
        "throughput-bits": round(bits),
        "throughput-bytes": round(bits * (end - start) / 8),
        "retransmits": 0 if bits > 1e9 else 40,
        "omitted": False,
    }


def _trace(path: tuple[str, str], at: dt.datetime, now: dt.datetime) -> dict[str, Any]:
    if _is_down(path, at, now):
        return _failed("No hop answered.")
    first, last = (f"192.0.2.{10 + HOSTS.index(host)}" for host in path)
    moved = path == REROUTED and at > now - MOVED
    ways = [
        first,
        "192.0.2.30",
        *((OTHER_HOP, "198.51.100.9") if moved else (USUAL_HOP,)),
        "192.0.2.50",
        last,
    ]
    step = _usual(path) / len(ways)
    hops = [{"ip": ip, "rtt": _seconds(step * number)} for number, ip in enumerate(ways, 1)]
    return {"succeeded": True, "schema": 1, "paths": [hops]}


RESULTS = {"rtt": _rtt, "latency": _latency, "throughput": _throughput, "trace": _trace}


def _store_tasks(kinds: list[Kind], now: dt.datetime) -> None:
    """The tasks, and the runs that are still there, by the transaction that stores them in earnest."""
    from chalicelib.store.transactions.booking import Booking, New, commit

    for number, kind in enumerate(kinds):
        times = [
            at + number * APART for at in _hours(now) if at > now - WITH_RUNS and _is_measured(kind, at, now)
        ]
        runs = [_run(kind, at, now) for at in times]
        if kind.path == PLAIN and kind.test == "throughput":
            runs += [_blocked(kind, at, runs[-1].uuid) for at in _just_now(now)]
        progress = Progress(len(runs), now - WEEK, now)
        task = dataclasses.replace(kind.task, progress=progress, runs_started=len(times))
        commit(Booking(None, task, runs, new=New()), now)


def _just_now(now: dt.datetime) -> list[dt.datetime]:
    return [now - dt.timedelta(minutes=2 + number) for number in range(BLOCKED)]


def _blocked(kind: Kind, at: dt.datetime, by: str) -> Run:
    run = Run(
        node=NODE,
        task=kind.task.uuid,
        uuid=RunId(str(_uuid(f"blocked {at}"))),
        start=at,
        end=at + kind.task.duration,
        state=State.NONSTART,
        added=at,
    )
    why = {"code": "no-time", "message": "No time was free within its slip", "blocking-run": by}
    return run.with_documents(reason=why)


if __name__ == "__main__":
    main()
