"""Whether a run costs more where many tasks are stored: the same runs with a hundred, and with ten thousand.

A hundred tasks of rtt are played, every five minutes, by ten hosts. The others, once a day, are posted like
them, with a run each that is placed and starts after what is played: they cost nothing of their own then, and
what they may make dearer is what is read beside them. ``--all-played`` has all of them like the first.
"""

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

from bench.mesh import MESH, post_one
from bench.mesh_cost import PER_READ, PER_WRITE, WARM_UP
from bench.mesh_play import Counts, playing

HOSTS = 10
PLAYED = 100
LATER = dt.timedelta(hours=12)
HOUR = dt.timedelta(hours=1)


def growth(tasks: int, all_of_them: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """What a run costs with so many tasks stored."""
    played = tasks if all_of_them else min(PLAYED, tasks)
    counts = _play(tasks, played, say)
    reads, writes = counts.reads.total() / counts.runs, counts.writes.total() / counts.runs
    return {
        "tasks": tasks,
        "played": played,
        "runs": counts.runs,
        "write units a run": writes,
        "read units a run": reads,
        "$ a million runs": (reads * PER_READ + writes * PER_WRITE) * 1e6,
    }


def _play(tasks: int, played: int, say: Callable[[str], None]) -> Counts:
    names = [f"h{number}.example.net" for number in range(1, HOSTS + 1)]
    rtt = next(test for test in MESH if test.name == "rtt")
    daily = dataclasses.replace(rtt, every=dt.timedelta(days=1))
    with playing(names, None) as play:
        beginning = play.now + dt.timedelta(minutes=1)
        for place, source in zip(range(tasks), itertools.cycle(names), strict=False):
            dest = f"d{place}.example.org"
            if place < played:
                task = post_one(rtt, source, dest, play.now, beginning + rtt.every * (place / played))
            else:
                task = post_one(daily, source, dest, play.now, beginning + LATER + HOUR * (place / tasks))
            play.tests[task] = rtt
        say(f"{tasks} tasks of {HOSTS} hosts, {played} of them at work; {WARM_UP} and {HOUR} pass ...")
        play.until(play.began + WARM_UP)
        play.counts.clear()
        play.until(play.began + WARM_UP + HOUR)
    return play.counts
