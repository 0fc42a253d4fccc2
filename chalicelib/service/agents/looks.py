"""How far an agent's contact has to look for runs to offer: at all that start soon, or at the latest of them.

An agent that holds what it was offered, and whose bell did not ring since, can lack only runs whose time has
come near meanwhile: those behind the end of the last look. What rings no bell and lies before that - a run
placed while its planner had been at work for a while - starts in many minutes, and is found by the next look
at all, which is never far.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.agent_protocol import MOST_OFFERED, OFFERED_AHEAD
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_timestamp, parse_timestamp
from chalicelib.store.agent_bells import Bell

SETTLING = 3 * SECOND
"""How long after it was written a run may be missing in an index."""
AT_ALL_EVERY = 300 * SECOND
"""The longest between two looks at all that starts soon."""


def is_settled(bell: Bell, now: dt.datetime) -> bool:
    """Whether what the bell last rang for is to be seen by now."""
    return bell.rung is None or now - bell.rung >= SETTLING


class Look(NamedTuple):
    """A look for runs: those that start at ``since`` or later, or all; when all were last looked at, and the
    ring that it is good for, None where a run may be missing still."""

    since: dt.datetime | None
    at_all: dt.datetime
    ring: int | None

    def record(self, found: Sequence[Assignment], now: dt.datetime) -> dict[str, JSON]:
        """What is kept of it for the next one; nothing where more are to be offered."""
        if self.ring is None or len(found) >= MOST_OFFERED:
            return {}
        return {
            "looked": {
                "ring": self.ring,
                "until": format_timestamp(now + OFFERED_AHEAD),
                "at-all": format_timestamp(self.at_all),
                "offered": [each.run for each in found],
            }
        }


def next_look(said: Mapping[str, JSON], bell: Bell, last: Mapping[str, JSON], now: dt.datetime) -> Look:
    """How to look, by what an agent says, its bell, and what was kept of its contact before."""
    ring = bell.number if is_settled(bell, now) else None
    looked = last.get("looked")
    if looked and last.get("instance") == said["instance"] and looked["ring"] == bell.number:
        held = {each["run"] for each in said["held"]}
        at_all = parse_timestamp(looked["at-all"])
        if held.issuperset(looked["offered"]) and now - at_all < AT_ALL_EVERY:
            return Look(parse_timestamp(looked["until"]), at_all, ring)
    return Look(None, now, ring)
