"""The standard mesh: hosts measure to one another, rtt, trace and latency each by itself, throughput two
together; and what their tools say."""

import dataclasses
import datetime as dt
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.times import format_timestamp


@dataclasses.dataclass(frozen=True)
class Test:
    """A test of the mesh: how often, for how many seconds, whether both ends take part, its result."""

    name: str
    every: dt.timedelta
    lasts: float
    together: bool
    spec: dict[str, Any]
    result: dict[str, Any]


def _trips(count: int) -> list[dict[str, Any]]:
    return [
        {"seq": seq, "ip": "192.0.2.9", "length": 64, "ttl": 58, "rtt": "PT0.0123S"}
        for seq in range(1, count + 1)
    ]


MESH = (
    Test(
        "rtt",
        dt.timedelta(minutes=5),
        4.2,
        False,
        {"count": 5},
        {
            "succeeded": True,
            "schema": 1,
            "sent": 5,
            "received": 5,
            "lost": 0,
            "loss": 0.0,
            "duplicates": 0,
            "reorders": 0,
            "roundtrips": _trips(5),
            **dict.fromkeys(("min", "max", "mean"), "PT0.0123S"),
            "stddev": "PT0.0004S",
        },
    ),
    Test(
        "trace",
        dt.timedelta(minutes=10),
        6.0,
        False,
        {},
        {
            "succeeded": True,
            "schema": 1,
            "paths": [[{"ip": f"192.0.2.{hop}", "rtt": "PT0.002S"} for hop in range(1, 12)]],
        },
    ),
    Test(
        "latency",
        dt.timedelta(minutes=5),
        12.0,
        False,
        {"packet-count": 100},
        {
            "succeeded": True,
            "schema": 1,
            "packets-sent": 100,
            "packets-received": 100,
            "packets-lost": 0,
            "packets-duplicated": 0,
            "packets-reordered": 0,
            "max-clock-error": 0.4,
            "histogram-latency": {f"{5 + n / 10:.2f}": 10 for n in range(10)},
            "histogram-ttl": {"58": 100},
        },
    ),
    Test(
        "throughput",
        dt.timedelta(hours=6),
        13.0,
        True,
        {"duration": "PT10S"},
        {
            "succeeded": True,
            "schema": 1,
            "diags": "",
            "summary": {
                "streams": [],
                "summary": {"start": 0, "end": 10, "throughput-bits": 9.1e9, "throughput-bytes": 1.1e10},
            },
            "intervals": [
                {
                    "streams": [],
                    "summary": {"start": n, "end": n + 1, "throughput-bits": 9.1e9, "throughput-bytes": 1e9},
                }
                for n in range(10)
            ],
        },
    ),
)


ALONE = tuple(test for test in MESH if test.name in ("rtt", "trace"))
"""Those one host makes by itself, and that nothing is in the way of."""
PROGRAMS = {"ping": "", "traceroute": "", "owping": "", "twping": "", "iperf3": "iperf 3.12 (cJSON 1.7.15)"}
"""What its tools wrap, and what each says of its version."""
CHOICES = ("both", "alone", "all", *(test.name for test in MESH))


def chosen(choice: str) -> list[tuple[Test, ...]]:
    """The tests of each mesh to be played."""
    known: dict[str, list[tuple[Test, ...]]] = {"both": [ALONE, MESH], "alone": [ALONE], "all": [MESH]}
    return known.get(choice) or [(test,) for test in MESH if test.name == choice]


def programs_in(folder: pathlib.Path) -> str:
    """A PATH on which the programs of the mesh's tools are found, so that a host without them can play it."""
    for name, version in PROGRAMS.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{version}'\n")
        program.chmod(0o755)
    return os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])


def post(
    names: Sequence[str], tests: Sequence[Test], now: dt.datetime, since: dt.datetime
) -> Iterator[tuple[Test, TaskId]]:
    """Post the tasks of a mesh, those of a test spread evenly over the time in which it repeats."""
    pairs = list(itertools.permutations(names, 2))
    for place, (source, dest) in enumerate(pairs):
        for test in tests:
            yield test, post_one(test, source, dest, now, since + test.every * (place / len(pairs)))


def post_one(test: Test, source: str, dest: str, now: dt.datetime, start: dt.datetime) -> TaskId:
    """Post a task that begins at an instant."""
    from chalicelib.service.tasks import create

    spec = {"source": source, "dest": dest, **test.spec}
    if not test.together:
        spec.pop("source")
    document = {
        "schema": 1,
        "test": {"type": test.name, "spec": spec},
        "schedule": {
            "start": format_timestamp(start.replace(microsecond=0)),
            "repeat": f"PT{int(test.every.total_seconds())}S",
            "slip": "PT5M",
            "sliprand": True,
        },
        "reference": {"label": "Mesh"},
    }
    return create.create(NodeName(source), document, {"requester": "192.0.2.1"}, now).uuid
