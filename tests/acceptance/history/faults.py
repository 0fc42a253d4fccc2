"""What goes wrong, and how often: drawn from one chance, so that a seed gives the same again."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class AgentTrouble:
    """How often each agent is killed, is cut off, has its clock set and its disk full, at times of chance."""

    kills: int = 1
    cuts: int = 1
    clocks: int = 1
    disks: int = 1


@dataclasses.dataclass(frozen=True)
class Faults:
    """Probabilities, each of one event, and the troubles of agents."""

    crash: float = 0.002
    """Of a write before which, and of one after which, the process ends."""
    agent_crash: float = 0.002
    """The same of an agent, which writes to its disk."""
    refused: float = 0.01
    """Of a call to another node that is not connected."""
    unheard: float = 0.01
    """Of one that hangs and is never acted on."""
    unanswered: float = 0.02
    """Of one that is acted on, and not answered."""
    late: float = 0.02
    """Of one that is acted on only after up to ``latest`` seconds, longer than anybody waits."""
    latest: float = 300
    doubled: float = 0.01
    """Of one that arrives twice, as where something on the way sends it again."""
    duplicate: float = 0.1
    """Of a message that comes twice."""
    tick_dropped: float = 0.1
    tick_doubled: float = 0.1
    slow: float = 0.01
    """Of a request to the tables that takes a second or two."""
    agents: AgentTrouble = AgentTrouble()


TROUBLE = Faults()
NONE = Faults(
    **{field.name: 0 for field in dataclasses.fields(Faults) if field.name != "agents"},  # type: ignore[arg-type]
    agents=AgentTrouble(0, 0, 0, 0),
)
