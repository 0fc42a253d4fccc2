"""Co-hosted nodes: participants of a task that are all nodes of this deployment."""

from collections.abc import Sequence

from chalicelib.domain.errors import NotFound
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.node import agent_questions, node_directory


def are_cohosted(lead: NodeName, participants: Sequence[str]) -> bool:
    """Whether all participants are different nodes of this deployment, the first being the lead."""
    known = set()
    for name in participants[1:]:
        found = node_directory.of_participant(name)
        if found is None:
            return False
        known.add(found.node)
    return len(participants) > 1 and len({*known, lead}) == len(participants)


def node_of(task: Task, number: int) -> NodeName:
    """The node that is a participant of a task of co-hosted nodes. Raises NotFound where there is none."""
    if number == task.participant:
        return task.node
    found = node_directory.of_participant(task.participants[number])
    if found is None:
        raise NotFound(f"{task.participants[number]} is no longer a node of this deployment")
    return found.node


def clock_of(node: NodeName, machine: Machine) -> JSON:
    """The clock of the host that a node of this deployment measures at."""
    if node_directory.runs_at_agent(node):
        return agent_questions.last_clock(node, machine.now())
    return machine.clock_state()
