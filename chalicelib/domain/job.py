"""What passes between a tool at work and the machine it works on."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Completed:
    """A program that ended: its exit status (negative: the signal) and what it printed.

    ``stopped`` tells of one that ran for as long as it was wanted, whatever its status is then.
    """

    status: int
    stdout: str
    stderr: str
    stopped: bool = False
