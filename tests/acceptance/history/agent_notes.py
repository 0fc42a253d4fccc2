"""What is noted of agents while a history is played, for its judge: what they did, said and were told.

What an agent has in its memory alone goes when it dies. The notes tell what that was, so that the judge lets
pass what came of that, and nothing else.
"""

import dataclasses
from collections.abc import Collection
from typing import Any

from chalicelib.domain.schemas import JSON

Name = tuple[str, str]
"""Of a run at an agent: the agent's instance, and the run."""


@dataclasses.dataclass(frozen=True)
class Told:
    """A result that a run came to, or that was acknowledged: of which run, which one, from when by its
    agent's clock, and when that was. As what it was ``kept``, once it was acknowledged; whether there
    ``was_room`` for it on the agent's disk as it came."""

    node: str
    run: str
    instance: str
    number: int
    at: str
    final: bool
    when: float
    kept: str = ""
    was_room: bool = True

    @classmethod
    def of(cls, node: str, body: JSON, when: float, **more: Any) -> "Told":
        """A result as it is handed over."""
        said = {name: body[name] for name in ("run", "instance", "number", "at", "final")}
        return cls(node, **said, when=when, **more)

    @property
    def what(self) -> tuple[str, str, int, str]:
        return self.instance, self.run, self.number, self.at


@dataclasses.dataclass
class AgentNotes:
    """What agents did, said and were told, each with the instant of the first time, where there is one."""

    given: set[Name] = dataclasses.field(default_factory=set)
    """Runs that they were told are theirs."""
    taken: set[Name] = dataclasses.field(default_factory=set)
    """Those that their disks say they have."""
    refused: set[Name] = dataclasses.field(default_factory=set)
    """Those they said they will not do."""
    announced: dict[Name, float] = dataclasses.field(default_factory=dict)
    """Those of which they said that they start, or tried to say it."""
    let_go: dict[Name, float] = dataclasses.field(default_factory=dict)
    """Those that they were told are not to be done."""
    heeded: dict[Name, float] = dataclasses.field(default_factory=dict)
    """The same, once they had seen to it."""
    in_vain: set[Name] = dataclasses.field(default_factory=set)
    """The same of which they were told and died before it was on disk, and were not told again."""
    results: list[Told] = dataclasses.field(default_factory=list)
    """What runs came to."""
    acknowledged: list[Told] = dataclasses.field(default_factory=list)
    lost: set[tuple[str, str, int, str]] = dataclasses.field(default_factory=set)
    """Results that were in memory as their agent died, there having been no room for them on disk."""
    lost_places: set[tuple[str, str, int]] = dataclasses.field(default_factory=set)
    """The same, by node, run and number, where a tool streamed them."""
    unnoted: set[Name] = dataclasses.field(default_factory=set)
    """Runs of which that could not be noted on disk, before their agent died, that results were sent."""
    clocks: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    """Whose clock was set when."""
    left: list[str] = dataclasses.field(default_factory=list)
    """What is on their disks in the end."""
    rejected: list[str] = dataclasses.field(default_factory=list)
    """What coordinators would not have."""
    forbidding: set[str] = dataclasses.field(default_factory=set)
    """Nodes on whose hosts runs of the class ``FORBIDDEN`` are not allowed."""

    def not_to_be_done(self, instance: str, run: str, now: float) -> None:
        name = instance, run
        if name not in self.let_go or name in self.in_vain:
            self.let_go[name] = now
            self.in_vain.discard(name)

    def forgotten(self, instance: str, unnoted: Collection[str]) -> None:
        """An instance died: what it was told it knows no more, but for what is on its disk."""
        for name in self.let_go:
            if name[0] == instance and (name not in self.heeded or name[1] in unnoted):
                self.in_vain.add(name)
                self.heeded.pop(name, None)
