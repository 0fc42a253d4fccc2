"""Kin: participants of a task that are all nodes of this deployment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chalicelib.domain import hosts
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.task import Task
from chalicelib.settings import Identity, acting_as, current, settings


def are_cohosted(participants: Sequence[str]) -> bool:
    """Whether all participants are different nodes of this deployment, the first being the one that acts."""
    found = [identity(name) for name in participants[1:]]
    known = [one.node for one in found if one is not None]
    return len(found) == len(known) > 0 and len({*known, current().node}) == len(participants)


def identity(participant: str) -> Identity | None:
    """The node of this deployment that is a participant; None where it is another's."""
    if len(settings().identities) == 1:
        return None
    try:
        name = hosts.parse(participant).name
        nodes = {hosts.parse(each.hostname).name: each for each in settings().identities}
    except Invalid:
        return None
    return nodes.get(name)


@contextmanager
def as_participant(task: Task, number: int) -> Iterator[None]:
    """Be one of the participants of a task of co-hosted nodes."""
    found = current() if number == task.participant else identity(task.participants[number])
    if found is None:
        raise NotFound(f"{task.participants[number]} is no node of this deployment any more")
    with acting_as(found):
        yield
