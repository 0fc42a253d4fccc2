"""Which of some runs were booked for the same time."""

import itertools

from chalicelib.domain.run import Run
from chalicelib.domain.task import Task


def overlapping(found: list[tuple[Task, Run]]) -> list[tuple[str, str]]:
    """Pairs of stored runs that take the same time and may not; an oracle that shares no code."""
    return [
        (one.uuid, other.uuid)
        for (owner, one), (another, other) in itertools.combinations(found, 2)
        if one.start < other.end and other.start < one.end
        if "exclusive" in (owner.scheduling_class, another.scheduling_class)
    ]
