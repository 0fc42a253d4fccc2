"""sleep: performs idle and idleex by sleeping, for longer waits (docs/contract/tools.md section 8)."""

import datetime as dt

from chalicelib.domain.times import parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.tool import Tool
from plugins.tools.idle import idle_tool

SHORTEST = dt.timedelta(seconds=15)
LONGEST_IDLE = dt.timedelta(hours=1)


def declines(test: str, spec: Spec) -> list[str]:
    duration = parse_duration(spec["duration"])
    if duration < SHORTEST:
        return ["Only sleeps 15 seconds or more"]
    return ["Only sleeps up to an hour"] if duration > LONGEST_IDLE else []


TOOL = Tool(
    name="sleep",
    description="Sleep for a while, up to an hour",
    tests=("idle", "idleex"),
    max_schema=2,
    declines=declines,
    duration=idle_tool.duration,
    run=idle_tool.run,
    idle=idle_tool.idle,
    merge=idle_tool.merge,
)
