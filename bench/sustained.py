"""``python -m bench.sustained``: a node under a steady rain of one-second tasks, and what became of them.

The reference breaks at 2 runs a second on two cores (docs/contract/observed.md).
"""

import argparse
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tabulate import tabulate

from bench.benched_node import post, serving
from bench.load import percentile

TASK = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {}}
POSTERS = 16
SETTLE = 75.0
"""Seconds after the last post in which every run must have come to an end, the reaper's work included."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.sustained", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rates", type=float, nargs="+", default=[10, 25, 50], help="runs a second")
    given = parser.parse_args()
    rows = []
    for rate in given.rates:
        print(f"{rate:g} runs a second for {given.minutes:g} minutes ...", file=sys.stderr, flush=True)
        with serving() as base:
            rows.append({"wanted/s": rate, **sustained(base, rate, given.minutes * 60)})
        print(f"\n{tabulate(rows, headers='keys', floatfmt='.1f')}", flush=True)
    print(json.dumps(rows))
    return 0


def sustained(base: str, rate: float, seconds: float) -> dict[str, Any]:
    """Post at a rate for some seconds; the states of all runs once they had time to end."""
    began = time.monotonic()
    times, refused = rain(base, rate, seconds)
    took = time.monotonic() - began
    time.sleep(SETTLE)
    counts = {state: _count(base, state) for state in ("finished", "missed", "failed")}
    others = len(times) - sum(counts.values())
    return {
        "posted/s": len(times) / took,
        "POST p50 ms": percentile(times, 50),
        "refused": refused,
        **counts,
        "others": others,
    }


def rain(base: str, rate: float, seconds: float) -> tuple[list[float], int]:
    """Post tasks at a steady rate; the milliseconds each took, and how many were refused."""
    times: list[float] = []
    refused = [0]
    idle = threading.Semaphore(POSTERS * 4)

    def one() -> None:
        began = time.monotonic()
        try:
            post(base, "/tasks", TASK)
            times.append((time.monotonic() - began) * 1000)
        except (OSError, urllib.error.HTTPError):
            refused[0] += 1
        finally:
            idle.release()

    with ThreadPoolExecutor(POSTERS) as posters:
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            idle.acquire()
            posters.submit(one)
    return times, refused[0]


def _count(base: str, state: str) -> int:
    """How many runs are in a state: reading each would take as long as they were posted."""
    with urllib.request.urlopen(f"{base}/stat/runs/{state}", timeout=60) as answer:
        return int(answer.read())


if __name__ == "__main__":
    sys.exit(main())
