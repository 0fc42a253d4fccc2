"""The attack as a whole: a node at rest, under attack, and killed, and what others got of it."""

import contextlib
import multiprocessing
import pathlib
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tabulate import tabulate

from bench.attack import attackers
from bench.attack.others import Poster, Prober, outcomes
from bench.attack.victim import Victim, allow_many_descriptors

CROWD = {"half-sent": 100, "polls": 150}
"""What GOAL is for, beside idles, sinks and tasks: clients that only take their time."""
NUMBERS = {
    **CROWD,
    "idle": 1500,
    "slow": 50,
    "unread": 50,
    "hanging": 30,
    "fuzz": 4,
    "credentials": 4,
    "endless": 2,
    "large": 1,
}
WHEN = ("quiet", "crowded", "under attack")
SINKS, IDLES, TASKS_A_SECOND = 40, 300, 10.0
GOAL = 250.0
"""Milliseconds within which 99 of 100 answers to GET / come in a crowd; under attack all have to come."""
LONG = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT10M"}}, "schedule": {}}


def attacked(seconds: float = 60, kills: int = 2) -> dict[str, Any]:
    """Crowd and attack a node, so long each; figures, with ``passed``: GOAL kept in the crowd, an answer to
    everybody, nobody's run missed, no task lost."""
    allow_many_descriptors()
    with tempfile.TemporaryDirectory(prefix="attack-") as folder, _dead_port() as sink:
        victim = Victim(pathlib.Path(folder))
        victim.start()
        try:
            found = _attacked(victim, sink, seconds, kills)
        finally:
            victim.stop()
    _show(found)
    return found


def _attacked(victim: Victim, sink: int, seconds: float, kills: int) -> dict[str, Any]:
    _say("A quiet node ...")
    quiet = _watched(victim, lambda: time.sleep(min(10.0, seconds)))
    before = {"memory MB": victim.memory(), "descriptors": victim.descriptors()}
    _say(f"{IDLES} idles of ten minutes, {SINKS} archives that never answer ...")
    held = [_posted(victim, LONG) for _ in range(IDLES)]
    sunk = [_posted(victim, _archived(sink)) for _ in range(SINKS)]
    told = {
        "poll": f"{victim.path_of(held[0])}/runs/first?wait-merged&wait=25",
        "hanging": _with_participant(sink),
    }
    _say(f"In a crowd for {seconds:.0f} s ...")
    crowded = _watched(victim, lambda: _attack(victim, CROWD, told, seconds))
    _say(f"Under attack for {seconds:.0f} s ...")
    counts: dict[str, int] = {}
    under_attack = _watched(victim, lambda: counts.update(_attack(victim, NUMBERS, told, seconds)))
    after = {"memory MB": victim.memory(), "descriptors": victim.descriptors(), "log MB": victim.log_size()}
    _say("Counting ...")
    posted = [*crowded["hrefs"], *under_attack["hrefs"]]
    ours, archived, idle = outcomes(victim, posted), outcomes(victim, sunk), outcomes(victim, held, 0)
    _say(f"Killed {kills} times ...")
    lost = _killed(victim, kills, [*posted, *held, *sunk])
    p99 = max(row["p99 ms"] for row in crowded["GET /"])
    failed = sum(sum(row["failed"].values()) for row in (*crowded["GET /"], *under_attack["GET /"]))
    server_errors = sum(n for name, n in counts.items() if name[-3:] in ("500", "502", "504"))
    return {
        "quiet": quiet,
        "crowded": crowded,
        "under attack": under_attack,
        "node before": before,
        "node after": after,
        "attackers": counts,
        "runs of others": dict(ours),
        "runs with dead sinks": dict(archived),
        "idles": dict(idle),
        "lost after kills": lost,
        "server errors": server_errors,
        "passed": p99 < GOAL
        and not failed
        and not server_errors
        and not lost
        and set(ours) == {"finished"}
        and set(archived) == {"finished"}
        and set(idle) == {"running"},
    }


def _watched(victim: Victim, happens: Any) -> dict[str, Any]:
    """What others get while something happens."""
    probers, poster = [Prober(victim.port, True), Prober(victim.port, False)], Poster(victim, TASKS_A_SECOND)
    for thread in (*probers, poster):
        thread.start()
    happens()
    poster.stop()
    rows = [prober.figures() for prober in probers]
    time.sleep(3)  # what was posted last is being answered
    return {"GET /": rows, "posts": dict(poster.statuses), "hrefs": poster.hrefs}


def _attack(victim: Victim, numbers: dict[str, int], told: dict[str, Any], seconds: float) -> dict[str, int]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(
        target=attackers.attack, args=(victim.port, seconds, numbers, told, results), daemon=True
    )
    process.start()
    counts: dict[str, int] = results.get(timeout=seconds + 180)
    process.join(30)
    return counts


def _killed(victim: Victim, kills: int, hrefs: list[str]) -> int:
    """How many tasks are gone after the node was killed under load and started again."""
    posted = list(hrefs)
    for _ in range(kills):
        poster = Poster(victim, TASKS_A_SECOND)
        poster.start()
        time.sleep(random.uniform(1, 4))
        victim.kill()
        poster.stop()
        posted += poster.hrefs
        victim.start()
    return sum(victim.ask("GET", victim.path_of(href))[0] == 404 for href in posted)


def _posted(victim: Victim, task: Any) -> str:
    status, said = victim.ask("POST", "/tasks", task)
    if status != 200:
        raise SystemExit(f"A task was answered {status}: {said}")
    return str(said)


def _archived(sink: int) -> Any:
    archive = {"archiver": "http", "data": {"_url": f"http://127.0.0.1:{sink}/"}}
    return {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT1S"}},
        "schedule": {},
        "archives": [archive],
    }


def _with_participant(sink: int) -> Any:
    spec = {"source": "127.0.0.1", "dest": "127.0.0.2", "source-node": "127.0.0.1"}
    return {
        "schema": 1,
        "test": {"type": "throughput", "spec": {**spec, "dest-node": f"127.0.0.1:{sink}"}},
        "schedule": {},
    }


@contextlib.contextmanager
def _dead_port() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield int(server.getsockname()[1])
        for each in taken:
            each.close()


def _show(found: dict[str, Any]) -> None:
    rows = [{"node": when, **row} for when in WHEN for row in found[when]["GET /"]]
    print(tabulate(rows, headers="keys", floatfmt=".1f"))
    counts = Counter(found["attackers"])
    print(tabulate(sorted(counts.items()), headers=("what attackers did, and were answered", "times")))
    for name in (
        "node before",
        "node after",
        "runs of others",
        "runs with dead sinks",
        "idles",
        "lost after kills",
    ):
        print(f"{name}: {found[name]}")
    for when in WHEN:
        found[when]["tasks"] = len(found[when].pop("hrefs"))
    print(f"passed: {found['passed']}", flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
