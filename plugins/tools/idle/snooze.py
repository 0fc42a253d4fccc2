"""snooze: performs idle and idleex by sleeping, for shorter waits (docs/contract/tools.md section 8)."""

import datetime as dt

from chalicelib.domain.times import parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.tool import Tool
from plugins.tools.idle import idle_tool

LONGEST_IDLE = dt.timedelta(seconds=60)


def declines(test: str, spec: Spec) -> list[str]:
    return ["Only sleeps up to 60 seconds"] if parse_duration(spec["duration"]) > LONGEST_IDLE else []


TOOL = Tool(
    name="snooze",
    description="Sleep for a while, up to a minute",
    tests=("idle", "idleex"),
    max_schema=2,
    declines=declines,
    duration=idle_tool.duration,
    run=idle_tool.run,
    idle=idle_tool.idle,
    merge=idle_tool.merge,
)
