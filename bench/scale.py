"""What gives first at a size: many nodes' runs through the real planner, dispatcher, runner and tables.

A slice of them is played in simulated time, one of so many nodes with as many of the shards, so each shard
has as much to do as it would. What is touched is counted by hash key. Keys of one node, task or run are as
busy at full size as in the slice. What all share - the deployment's own notes - is as many times busier as
there are more nodes.

Stated, not measured: LATENCY, PER_CALL and SHARE of ``scale_play.py``. Left out: posting, archives, the
hourly roll-up.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from bench import scale_agents
from bench.hot_keys import HotKeys, Place
from bench.scale_play import BEGINNING, COUNTED, OWN, WARM_UP, Play, Size, playing

WRITES, READS = 1000, 3000
"""Units a second that DynamoDB has for one key."""
LEAST_SHOWN = 0.1
PROVISIONED = 20_000
"""Messages that a queue hands out at a time where it has pollers provisioned; 1,250 without."""
ACCOUNT = 1000
"""Functions that an account may have at a time, unless it asks for more."""


def scale(size: Size, say: Callable[[str], None]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the busiest keys of each table and index, and of the functions, at full size."""
    with playing(size, say) as play:
        play.until(BEGINNING + WARM_UP)
        play.clear()
        play.until(BEGINNING + WARM_UP + COUNTED)
    seconds = COUNTED.total_seconds()
    say(f"{play.performed / seconds:.1f} runs a second performed, {size.a_second / size.times:.1f} wanted")
    return _key_rows(play.keys, size, seconds), _function_rows(play, seconds)


def _key_rows(keys: HotKeys, size: Size, seconds: float) -> list[dict[str, Any]]:
    """The busiest key of each kind at full size against what DynamoDB has for one."""
    kinds: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for place in {*keys.writes, *keys.reads}:
        kinds[place.table, place.within, _kind(place)].append(place)
    rows = []
    for (table, index, kind), places in sorted(kinds.items()):
        factor = size.times if kind == "deployment" else 1.0
        written = max(keys.writes[place] for place in places) / seconds * factor
        read = max(keys.reads[place] for place in places) / seconds * factor
        row: dict[str, Any] = {
            "table": f"{table}.{index}" if index else table,
            "key of": kind,
            "writes/s": written,
            "reads/s": read,
            "% of limit": 100 * max(written / WRITES, read / READS),
            "all writes/s": sum(keys.writes[place] for place in places) / seconds * size.times,
        }
        rows.append(row)
    seen = [row for row in rows if row["% of limit"] >= LEAST_SHOWN]
    return sorted(seen, key=lambda row: -row["% of limit"])


def _kind(place: Place) -> str:
    """What a key is one of, and so what it grows with."""
    if place.key.startswith("#"):
        return f"shard, {place.key.split('#')[1]}" if place.key.count("#") > 1 else "shard"
    if place.key.partition("#")[0] in (OWN, "") or ("#" not in place.key and place.table == "node"):
        return "deployment"
    return "node" if place.within or place.table in ("node", "nodes") else "item"


def _function_rows(play: Play, seconds: float) -> list[dict[str, Any]]:
    """Each function at full size: how often, how long, and so how many of it at a time."""
    from local.deployment.functions import AT_A_TIME, REQUESTS_AT_A_TIME

    most = {**AT_A_TIME, "API": REQUESTS_AT_A_TIME}
    names = {
        scale_agents.API: "API",
        "plan": "PlanTask",
        "peers": "AskPeers",
        "runs": "Run",
        "deliveries": "Deliver",
    }
    rows = []
    for function, done in sorted(play.work.items()):
        is_tick = function.endswith(" tick")
        calls = done.calls / seconds * (1 if is_tick else play.size.times)
        longest = done.longest * (play.size.times if is_tick else 1)
        mean = done.seconds / done.calls * (play.size.times if is_tick else 1)
        rows.append(
            {
                "function": function,
                "calls/s": calls,
                "s a call": mean,
                "longest s": longest,
                "at a time": calls * mean,
                "limit": 1 if is_tick else most[names[function]],
                "messages/s": play.sent[function] / seconds * play.size.times,
            }
        )
    return rows


def limits(
    keys: Sequence[dict[str, Any]], functions: Sequence[dict[str, Any]], size: Size
) -> list[dict[str, Any]]:
    """What gives, the first first: at how many nodes as a stage usually is, and with what can be set."""
    found = [
        {
            "what": f"one key of {row['table']} ({row['key of']})",
            "nodes": size.nodes * 100 / row["% of limit"],
            "by setting": size.nodes * 100 / row["% of limit"],
        }
        for row in keys
    ]
    for row in functions:
        most = ACCOUNT if row["function"] == scale_agents.API else PROVISIONED
        if row["function"].endswith(" tick"):
            most = row["limit"]
        found.append(
            {
                "what": f"{row['function']}, at a time",
                "nodes": size.nodes * row["limit"] / row["at a time"],
                "by setting": size.nodes * most / row["at a time"],
            }
        )
    return sorted(found, key=lambda row: row["nodes"])


def shards_needed(functions: Sequence[dict[str, Any]], size: Size) -> int:
    """So many that no planner, dispatcher or reaper of a shard has more than it looks up, or has time for."""
    from chalicelib.infrastructure import shard_work
    from chalicelib.service.coordination import shard_planner
    from chalicelib.service.execution import reaper

    a_minute = size.a_second * 60
    at_once = (shard_planner.TASKS_PER_SHARD, reaper.ITEMS_IN_TIME)
    longest = next((row["longest s"] for row in functions if row["function"] == "plan"), 0.0)
    return math.ceil(max(*(a_minute / most for most in at_once), size.shards * longest / shard_work.SECONDS))
