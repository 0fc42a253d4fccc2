"""What is played to find one mistake in few seeds: little work, of the kind and in the trouble that show it.

A history of everything has too little of each trouble for a guard to be missed for certain, and with more
of it another seed would show each mistake. A profile has much of one trouble, and none of those that would
excuse what comes of it.
"""

import dataclasses
from collections.abc import Mapping

from tests.acceptance.history.faults import TROUBLE, AgentTrouble, Faults
from tests.acceptance.history.simulation import Scale
from tests.acceptance.history.work import Mix


@dataclasses.dataclass(frozen=True)
class Profile:
    """Which work is played in which trouble."""

    scale: Scale
    faults: Faults = TROUBLE


SEEDS = 12
"""Seeds in one of which a mistake is found, unless it says otherwise, and in none of which nothing is.
Some mistakes show in a third of them, and any change of the order of requests makes other histories."""
SMALL = Scale(nodes=2, posting=5 * 60, error=10 * 60, cohosted=True, agents=1)
"""One node whose tools are at two agents, and one that has its own."""
LONGEST = 300
"""Seconds that a tool streams at most."""
ALL_CLASSES = Mix(longest=LONGEST)
STREAMS = Mix(("background-multi",), LONGEST)
SHORT = Mix(("exclusive", "normal", "background"))


def _profile(
    mix: Mix = ALL_CLASSES,
    *,
    tasks: int = 8,
    rung: bool = False,
    kills: int = 1,
    cuts: int = 1,
    clocks: int = 1,
    disks: int = 1,
    agent_crash: float = 0.002,
) -> Profile:
    trouble = AgentTrouble(kills, cuts, clocks, disks)
    faults = dataclasses.replace(TROUBLE, agent_crash=agent_crash, agents=trouble)
    return Profile(dataclasses.replace(SMALL, mix=mix, tasks=tasks, rung=rung), faults)


EVERYDAY = _profile()
RESTARTED = _profile(SHORT, kills=6, clocks=0, disks=0)
RESTARTED_STREAMS = _profile(STREAMS, kills=6, clocks=0, disks=0)
DYING = _profile(SHORT, agent_crash=0.05, clocks=0, disks=0)
FULL = _profile(SHORT, kills=6, clocks=0, disks=3)
FULL_STREAMS = _profile(STREAMS, kills=4, clocks=0, disks=3)
CANCELLED = _profile(dataclasses.replace(STREAMS, cancelled=0.7), tasks=16, kills=0, clocks=0, disks=0)
CLOCKS = _profile(kills=0, cuts=0, clocks=6, disks=0)
OVERRUNS = _profile(dataclasses.replace(SHORT, overruns=0.4), kills=0, clocks=0, disks=0)
CROWDED = _profile(SHORT, tasks=20)
RUNG = _profile(SHORT, rung=True, tasks=40)

MEETING = Profile(
    Scale(
        nodes=2,
        posting=5 * 60,
        error=6 * 60,
        mix=dataclasses.replace(SHORT, others=(0, 1), cancelled=0.6, soon=(1, 3, 10), by_hand=0.6, asked=5),
    ),
    dataclasses.replace(TROUBLE, slow=0.3, doubled=0.1, duplicate=0.5),
)
"""Two nodes, each a deployment of its own, as in all that follow: whatever reads a task and writes it takes
seconds, in which others do."""
CANCELLED_AT_START = Profile(
    Scale(
        nodes=1,
        tasks=120,
        posting=10 * 60,
        error=11 * 60,
        mix=Mix(("normal", "background"), cancelled=1, soon=(4, 8), by_hand=0, starts=("PT3S", "PT6S")),
    ),
    dataclasses.replace(TROUBLE, slow=0.3),
)
"""Runs begin while they are taken out of what is to come."""
CUT_SHORT = Profile(
    Scale(
        nodes=3,
        tasks=30,
        posting=5 * 60,
        error=5 * 60,
        mix=dataclasses.replace(
            SHORT, others=(1, 2), cancelled=0.4, soon=(30, 60, 120), by_hand=0, starts=("PT13M",)
        ),
    ),
    dataclasses.replace(TROUBLE, crash=0.02, refused=0, unanswered=0.03, late=0.03),
)
"""Most runs begin when nothing has been wrong for long: what was undone must have been heard of by then."""
UNANSWERED = Profile(
    Scale(
        nodes=2,
        tasks=40,
        posting=10 * 60,
        error=12 * 60,
        mix=dataclasses.replace(SHORT, others=(1,), cancelled=0, by_hand=1, asked=10 * 60),
    ),
    dataclasses.replace(TROUBLE, unanswered=0.15, slow=0.1),
)
"""Whoever waits for an answer comes to undo a run when it was to start, and has been given up."""

ALL: Mapping[str, Profile] = {
    "a little of everything": EVERYDAY,
    "planners, clients and cancellations that meet at slow tables": MEETING,
    "agents that are restarted often, and no tool streams": RESTARTED,
    "the same where all of them do": RESTARTED_STREAMS,
    "agents that die between two writes, and no tool streams": DYING,
    "disks that are full half of the time, and no tool streams": FULL,
    "the same where all tools stream": FULL_STREAMS,
    "tools that stream and are cancelled at work": CANCELLED,
    "clocks that are off half of the time": CLOCKS,
    "tools that take too long": OVERRUNS,
    "many tasks at a time": CROWDED,
    "agents that make contact at the same time": RUNG,
    "runs that are cancelled as they begin, at slow tables": CANCELLED_AT_START,
    "agreements cut short, on runs that are far away": CUT_SHORT,
    "runs that are wanted at once of nodes that often do not answer": UNANSWERED,
}
