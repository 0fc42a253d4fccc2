"""``python -m bench outage``: starts a second before, during and after an outage of a node under steady work.

Tasks are posted whose runs are spread evenly over some minutes; in the middle the node is killed, as by a
crash, and started again a minute later. The runs of that minute cannot be saved; all later ones can.
"""

import contextlib
import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.benched_node import post, restartable
from chalicelib.domain.times import parse_timestamp

RATE = 6
"""Runs a second."""
BEFORE, OUTAGE, AFTER = 10, 60, 70
"""Seconds of each stretch. The last two are longer than the dispatch tick looks ahead: what was sent to its
runner before the outage is over by the end, and what was not, too."""
POSTERS, POSTS_A_SECOND = 4, 30
SETTLED = 5
"""Seconds after which the last run is over."""
RECOVERY = 5
"""Seconds after the node is back within which as many runs start as before."""


def outage(rate: int = RATE) -> list[dict[str, Any]]:
    """Rows of starts a second: before, during the outage, just after it, and from then on."""
    count = rate * (BEFORE + OUTAGE + AFTER)
    lead = count / POSTS_A_SECOND + 10
    with restartable() as node:
        began = time.time()
        first = began + lead
        with ThreadPoolExecutor(POSTERS) as pool:
            tasks = list(pool.map(lambda number: _post(node.base, first + number / rate), range(count)))
        if time.time() > first:
            raise SystemExit(f"This machine is too slow to post {count} tasks in {lead:.0f} s")
        _sleep_until(first + BEFORE)
        node.kill()
        _sleep_until(first + BEFORE + OUTAGE)
        node.start()
        back = time.time()
        _sleep_until(first + BEFORE + OUTAGE + AFTER + SETTLED)
        runs = _runs(node.base, tasks)
    return _rows(runs, first, back)


def _post(base: str, start: float) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
    spec = {"schema": 1, "duration": "PT1S"}
    return post(
        base, "/tasks", {"schema": 1, "test": {"type": "idle", "spec": spec}, "schedule": {"start": stamp}}
    )


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


def _runs(base: str, tasks: list[str]) -> list[tuple[float, str]]:
    """(start, state) of the first run of each task."""
    where = base.removeprefix("http://").partition("/")[0]
    link = http.client.HTTPConnection(where, timeout=60)
    found = []
    with contextlib.closing(link):
        for task in tasks:
            link.request("GET", f"/{task.split('/', 3)[3]}/runs/first?wait=0")
            run = json.loads(link.getresponse().read())
            found.append((parse_timestamp(run["start-time"]).timestamp(), run["state"]))
    return found


def _rows(runs: list[tuple[float, str]], first: float, back: float) -> list[dict[str, Any]]:
    down = first + BEFORE
    stretches = {
        "before": (first, down),
        "during the outage": (down, back),
        f"the first {RECOVERY} s after": (back, back + RECOVERY),
        "from then on": (back + RECOVERY, first + BEFORE + OUTAGE + AFTER),
    }
    rows = []
    for name, (begins, ends) in stretches.items():
        states = Counter(state for start, state in runs if begins <= start < ends)
        rows.append(
            {
                "when": name,
                "seconds": ends - begins,
                "wanted": states.total(),
                "started": states["finished"],
                "started/s": states["finished"] / (ends - begins),
                "missed": states["missed"],
                "others": states.total() - states["finished"] - states["missed"],
            }
        )
    return rows
