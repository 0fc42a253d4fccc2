"""The programs called ping that there are, and how each is told what to do.

They share a name and little else: the letter for the TTL of one is a time limit of another. Which one a
machine has is read from the program itself, so that telling costs no process.

    iputils    Linux; 2017 or later
    busybox    Alpine and other small systems
    inetutils  GNU's; for IPv4 alone
    bsd        macOS and FreeBSD; for IPv4 alone: with IPv6 other programs there do it, with other options
"""

import dataclasses
import datetime as dt
import functools
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.support.program_arguments import seconds

PROGRAM = "ping"

Write = Callable[[JSON], Sequence[str]]
"""What is asked for -> its arguments."""


@dataclasses.dataclass(frozen=True)
class Program:
    """One of the programs: ``options`` has what it can be asked for besides a count, an interval and a size.

    ``shortest`` is the interval below which it needs privileges, ``statuses`` are those it ends with when it
    has measured.
    """

    name: str
    options: Mapping[str, Write]
    shortest: dt.timedelta
    versions: tuple[int, ...] = (4, 6)
    picks_version: bool = True
    statuses: tuple[int, ...] = (0, 1)

    def lacks(self, wanted: Mapping[str, JSON]) -> list[str]:
        """Those of the things wanted that it knows nothing of; ``ip-version`` may be among them."""
        missing = [name for name in wanted if name not in self.options and name != "ip-version"]
        return [
            *missing,
            *(["ip-version 6"] if wanted.get("ip-version") not in (None, *self.versions) else []),
        ]

    def refusals(self, interval: dt.timedelta, wanted: Mapping[str, JSON]) -> list[str]:
        """Why it cannot be asked for this; an empty list when it can."""
        hasty = interval < self.shortest
        reasons = [f"Intervals below {seconds(self.shortest)} seconds need privileges"] if hasty else []
        return reasons + [f"The ping of {self.name} has no {name}" for name in self.lacks(wanted)]

    def argv(self, dest: str, version: int, wanted: Mapping[str, JSON]) -> list[str]:
        """The program and its arguments; what is None is not wanted. ``wanted`` holds nothing it lacks."""
        family = [f"-{version}"] if self.picks_version else []
        given = [
            text
            for name, write in self.options.items()
            if wanted.get(name) is not None
            for text in write(wanted[name])
        ]
        return [PROGRAM, *family, "-n", *given, dest]


def _letter(letter: str, read: Callable[[JSON], JSON] = str) -> Write:
    return lambda value: [letter, str(read(value))]


def _flag(letter: str) -> Write:
    return lambda value: [letter] if value else []


def _whole(duration: dt.timedelta) -> int:
    return max(1, math.ceil(duration / SECOND))


def _milliseconds(duration: dt.timedelta) -> int:
    return max(1, math.ceil(duration / dt.timedelta(milliseconds=1)))


def _undivided(fragment: bool) -> Sequence[str]:
    return [] if fragment else ["-D"]


_COMMON: Mapping[str, Write] = {
    "count": _letter("-c"),
    "interval": _letter("-i", seconds),
    "length": _letter("-s"),
}
_USERS_OF_LINUX = dt.timedelta(milliseconds=2)  # since 2020; before, 0.2 s
_OTHER_USERS = dt.timedelta(milliseconds=0 if os.geteuid() == 0 else 200)

IPUTILS = Program(
    "iputils",
    {
        "suppress-loopback": _flag("-L"),
        "count": _COMMON["count"],
        "flow-label": _letter("-F"),
        "fragment": lambda fragment: ["-M", "want" if fragment else "do"],
        "interval": _COMMON["interval"],
        "source": _letter("-I"),
        "ip-tos": _letter("-Q"),
        "length": _COMMON["length"],
        "ttl": _letter("-t"),
        "deadline": _letter("-w", _whole),  # whole seconds are all it understands here
        "timeout": _letter("-W", seconds),
    },
    shortest=_USERS_OF_LINUX,
)
BUSYBOX = Program(
    "BusyBox",
    {
        **_COMMON,
        "source": _letter("-I"),
        "ttl": _letter("-t"),
        "deadline": _letter("-w", _whole),
        "timeout": _letter("-W", _whole),
    },
    shortest=_USERS_OF_LINUX,
)
INETUTILS = Program(
    "GNU inetutils",
    {
        **_COMMON,
        "ip-tos": _letter("-T"),
        "ttl": lambda ttl: [f"--ttl={ttl}"],
        "deadline": _letter("-w", _whole),
        "timeout": _letter("-W", _whole),
    },
    shortest=_OTHER_USERS,
    versions=(4,),
    picks_version=False,
)
BSD = Program(
    "BSD",
    {
        "suppress-loopback": _flag("-L"),
        **_COMMON,
        "fragment": _undivided,
        "source": _letter("-S"),
        "ip-tos": _letter("-z"),
        "ttl": _letter("-m"),
        "deadline": _letter("-t", _whole),
        "timeout": _letter("-W", _milliseconds),
    },
    shortest=_OTHER_USERS,
    versions=(4,),
    picks_version=False,
    statuses=(0, 1, 2),  # 2: nobody answered
)

_BSD_SYSTEMS = ("darwin", "freebsd", "dragonfly")
_MARKS = ((b"BusyBox v", BUSYBOX), (b"GNU inetutils", INETUTILS), (b"iputils", IPUTILS))
"""What stands in a program, the first that does counts: BusyBox is many programs in one."""


def installed() -> Program:
    """The ping that this machine has; one that cannot be told is taken for its system's usual one."""
    path = shutil.which(PROGRAM)
    if not path:
        return usual(sys.platform)
    try:
        found = os.stat(path)
    except OSError:
        return usual(sys.platform)
    return _read(os.path.realpath(path), found.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read(path: str, changed: int) -> Program:
    try:
        with open(path, "rb") as file:
            return told_by(file.read(2**24), sys.platform)
    except OSError:  # a program may be run and not be read
        return usual(sys.platform)


def told_by(content: bytes, platform: str) -> Program:
    """Which program the content of a file is."""
    return next((program for mark, program in _MARKS if mark in content), usual(platform))


def usual(platform: str) -> Program:
    """The program that a system comes with."""
    return BSD if platform.startswith(_BSD_SYSTEMS) else IPUTILS
