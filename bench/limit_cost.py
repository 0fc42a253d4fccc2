"""``python -m bench limits``: what a policy of thirty limits adds to POST /tasks.

In one process on the embedded engine, the same task under no policy, under policies of thirty limits of each
kind that asks nobody, and under one of them all. The policies take turns, so that all have the same machine,
and the engine does not wait for the disk, which is not what is measured. A task and its first run are judged.
"""

import itertools
import json
import os
import pathlib
import tempfile
import time
from typing import Any

from bench.load import percentile

LIMITS, ROUNDS = 30, 60
WARM = 10
"""Posts of each before those that count."""

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {"start": "PT2H"}}
KINDS: dict[str, Any] = {
    "pass-fail": {"pass": True},
    "test-type": {"types": ["idle", "rtt"]},
    "jq": {"script": '.test.spec.duration == "PT1S"'},
    "run-schedule": {"hour": [{"lower": 0, "upper": 23}]},
    "run-daterange": {"start": "2020-01-01T00:00:00Z", "end": "2090-01-01T00:00:00Z"},
}


def policy(kinds: list[str]) -> dict[str, Any]:
    """Thirty limits of these kinds, all of which have to pass."""
    limits = [
        {"name": f"limit {number}", "description": kind, "type": kind, "data": KINDS[kind]}
        for number, kind in zip(range(LIMITS), itertools.cycle(kinds), strict=False)
    ]
    networks = {"cidrs": ["10.0.0.0/8", "127.0.0.0/8", "::1/128"]}
    return {
        "schema": 4,
        "identifiers": [
            {"name": "us", "description": "Us", "type": "ip-cidr-list", "data": networks},
        ],
        "classifiers": [{"name": "us", "description": "Us", "identifiers": ["us"]}],
        "limits": limits,
        "applications": [
            {"classifier": "us", "apply": [{"require": "all", "limits": [one["name"] for one in limits]}]}
        ],
    }


def limits() -> list[dict[str, Any]]:
    """Rows of milliseconds of POST /tasks by policy, and what the limits add at the median."""
    from chalice.test import Client

    from app import app

    chosen = {"none": None, "all kinds": [*KINDS], **{kind: [kind] for kind in KINDS}}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Client(app) as client:
        files = {name: _written(pathlib.Path(folder), name, kinds) for name, kinds in chosen.items()}
        times: dict[str, list[float]] = {name: [] for name in files}
        for number in range(WARM + ROUNDS):
            for name, file in files.items():
                _use(file)
                took = _post(client)
                if number >= WARM:
                    times[name].append(took)
    without = percentile(times["none"], 50)
    return [
        {
            "thirty limits": name,
            "p50 ms": percentile(found, 50),
            "p95 ms": percentile(found, 95),
            "more ms": percentile(found, 50) - without,
        }
        for name, found in times.items()
    ]


def _written(folder: pathlib.Path, name: str, kinds: list[str] | None) -> str:
    if kinds is None:
        return "open"
    file = folder / f"{name}.json"
    file.write_text(json.dumps(policy(kinds)))
    return str(file)


def _use(file: str) -> None:
    """Have the node go by this policy, which is read once."""
    from chalicelib.settings import forget_settings

    os.environ["PSCHEDULER_LIMITS"] = file
    forget_settings()


def _post(client: Any) -> float:
    body = json.dumps(IDLE).encode()
    begun = time.perf_counter()
    answer = client.http.post("/tasks", body=body, headers={"Content-Type": "application/json"})
    took = (time.perf_counter() - begun) * 1000
    if answer.status_code != 200:
        raise SystemExit(f"a task was not taken: {answer.body.decode()}")
    return took
