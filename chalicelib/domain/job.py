"""What passes between a tool at work and the machine it works on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Completed:
    """A program that ended: its exit status (negative: the signal) and what it printed."""

    status: int
    stdout: str
    stderr: str
