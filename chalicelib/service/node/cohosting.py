"""Co-hosted nodes: participants of a task that are all nodes of this deployment."""

from collections.abc import Sequence

from chalicelib.domain import hosts
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.task import Task
from chalicelib.settings import Identity, settings


def are_cohosted(lead: NodeName, participants: Sequence[str]) -> bool:
    """Whether all participants are different nodes of this deployment, the first being the lead."""
    found = [identity(name) for name in participants[1:]]
    known = [one.node for one in found if one is not None]
    return len(found) == len(known) > 0 and len({*known, lead}) == len(participants)


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


def node_of(task: Task, number: int) -> NodeName:
    """The node that is a participant of a task of co-hosted nodes. Raises NotFound where there is none."""
    if number == task.participant:
        return task.node
    found = identity(task.participants[number])
    if found is None:
        raise NotFound(f"{task.participants[number]} is no node of this deployment any more")
    return found.node
