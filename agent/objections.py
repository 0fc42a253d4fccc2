"""What keeps a run from being taken, or from being started: a code and a sentence.

Judged are the tool and the contexts, what the host's owner allows, how far the clock is off, and lateness.
"""

import datetime as dt

from agent.clock_offset import Offset
from agent.measured_hosts import destinations
from agent.policy import PolicyFile, Resolve, Wish
from chalicelib.domain.assignment import Assignment
from chalicelib.domain.times import SECOND, format_duration
from plugins import registry

LATE_FROM = SECOND
"""How long after its start a run is not started any more, unless it streams."""
POLICY, CLOCK, TOOL, LATE = "agent-policy", "agent-clock", "agent-tool", "agent-late"

Objection = tuple[str, str]


class Objections:
    """The objections of one agent."""

    def __init__(self, policy: PolicyFile, offset: Offset):
        self._policy, self._offset = policy, offset
        self.resolve: Resolve = _addresses

    def to_taking(self, assignment: Assignment, beside: int) -> Objection | None:
        """Why a run that is offered is refused; ``beside`` others would go on at the same time."""
        objection = _of_tool(assignment)
        if objection:
            return objection
        wish = Wish(
            assignment.test,
            assignment.tool,
            destinations(registry.tests()[assignment.test], assignment.spec, assignment.participant),
            assignment.duration,
            beside,
        )
        refusal = self._policy.policy().refusal(wish, self.resolve)
        return (POLICY, refusal) if refusal else self._of_clock()

    def to_starting(self, assignment: Assignment, now: dt.datetime) -> Objection | None:
        """Why a run that was taken is not started."""
        # By a clock that is off nobody can say what is too late.
        return self._of_clock() or _of_lateness(assignment, now)

    def _of_clock(self) -> Objection | None:
        known, limit = self._offset.now(), self._policy.policy().clock_limit
        if known is None or abs(known[1]) <= limit.total_seconds():
            return None
        off, _ = known
        said = f"The clock of this host is off by {off:+.1f} s; at most {format_duration(limit)} is allowed"
        return CLOCK, said


def _of_tool(assignment: Assignment) -> Objection | None:
    test, tool = registry.tests().get(assignment.test), registry.tools().get(assignment.tool)
    if test is None or tool is None:
        what = f"test {assignment.test}" if test is None else f"tool {assignment.tool}"
        return TOOL, f"This agent does not have the {what}"
    missing = [each["context"] for each in assignment.contexts if each["context"] not in registry.contexts()]
    if missing:
        return TOOL, f"This agent does not have the context {missing[0]}"
    reasons = tool.reasons_against(assignment.test, assignment.spec)
    return (TOOL, f"The tool {assignment.tool} does not work here: {'; '.join(reasons)}") if reasons else None


def _of_lateness(assignment: Assignment, now: dt.datetime) -> Objection | None:
    # A run that streams for hours is still worth starting late, as it is at a node's own tools.
    latest = assignment.end if assignment.streams else assignment.start + LATE_FROM
    if now <= latest:
        return None
    return LATE, f"The agent reached it {format_duration(now - assignment.start)} after its start"


def _addresses(name: str) -> list[str]:
    import socket

    from plugins.support import host_lookup

    try:
        found = host_lookup.limited(
            host_lookup.LOOKUP_LIMIT, lambda: socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        )
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [str(each[4][0]) for each in found]
