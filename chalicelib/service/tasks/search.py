"""Finding tasks: in the listing, and as they are now only where that is asked for."""

from collections.abc import Sequence

from chalicelib.domain.names import NodeName
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import TaskFilter
from chalicelib.store import task_table


def chosen(node: NodeName, wanted: TaskFilter, listed: Sequence[Task]) -> Sequence[Task]:
    """The tasks of a piece of the listing that are wanted."""
    found = [task for task in listed if wanted.fits(task)]
    if not wanted.asks_for_detail:
        return found
    return [task for task in as_they_are(node, found) if wanted.fits_detail(task)]


def as_they_are(node: NodeName, listed: Sequence[Task]) -> list[Task]:
    """Listed tasks with what has changed since their posting; those that are gone are left out."""
    known = task_table.get_many(node, [task.uuid for task in listed])
    return [known[task.uuid] for task in listed if task.uuid in known]
