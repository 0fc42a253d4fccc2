"""The last word of a host's owner: a TOML or JSON file that says which runs are done on it.

    tests = ["rtt", "trace", "throughput"]        # all, where this is missing
    tools = ["ping", "traceroute", "iperf3"]
    destinations = ["192.0.2.0/24", "*.example.org"]
    longest = "PT10M"
    most-runs = 4                                 # at a time
    clock-limit = "PT2S"                          # how far off the clock may be

What is missing allows everything. A run that is not allowed is refused with a sentence, before it starts.
"""

import dataclasses
import datetime as dt
import fnmatch
import json
import logging
import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from agent.measured_hosts import as_network
from chalicelib.domain.documents import load
from chalicelib.domain.egress import Network
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker, closed
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from chalicelib.domain.types import TYPES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOG = logging.getLogger(__name__)
MOST_RUNS = 100
"""Runs at a time, whatever a policy says: each has a thread of its own."""
CLOCK_LIMIT = 2 * SECOND

_NAMES = {"type": "array", "items": {"type": "string", "minLength": 1}, "maxItems": 1000}
_FORM = Checker(
    closed(
        {
            "tests": _NAMES,
            "tools": _NAMES,
            "destinations": _NAMES,
            "longest": TYPES["Duration"],
            "most-runs": {"type": "integer", "minimum": 0, "maximum": MOST_RUNS},
            "clock-limit": TYPES["Duration"],
        }
    )
)

Resolve = Callable[[str], Iterable[str]]
"""A host name -> its addresses; none where it has none."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a policy is asked about: a run that is offered."""

    test: str
    tool: str
    destinations: Sequence[str]
    duration: dt.timedelta
    beside: int
    """How many other runs would go on at the same time."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """What an owner allows; None is everything."""

    tests: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    destinations: Sequence[str] | None = None
    longest: dt.timedelta | None = None
    most_runs: int = MOST_RUNS
    clock_limit: dt.timedelta = CLOCK_LIMIT

    def refusal(self, wish: Wish, resolve: Resolve) -> str | None:
        """Why a run is not done here, as a sentence; None where it is."""
        if self.tests is not None and wish.test not in self.tests:
            return f"The owner of this host does not allow the test {wish.test}"
        if self.tools is not None and wish.tool not in self.tools:
            return f"The owner of this host does not allow the tool {wish.tool}"
        if self.longest is not None and wish.duration > self.longest:
            return f"The owner of this host allows runs of {format_duration(self.longest)} at most"
        if wish.beside >= self.most_runs:
            return f"The owner of this host allows {self.most_runs} runs at a time"
        refused = next((to for to in wish.destinations if not self.reaches(to, resolve)), None)
        return f"The owner of this host does not allow the destination {refused}" if refused else None

    def reaches(self, destination: str, resolve: Resolve) -> bool:
        """Whether a host or a network is among what may be measured.

        A name is by itself, or by all of its addresses.
        """
        if self.destinations is None:
            return True
        network = as_network(destination)
        if network is not None:
            return self._covers(network)
        name = destination.lower().rstrip(".")
        if any(fnmatch.fnmatchcase(name, each) for each in self.names):
            return True
        found = [as_network(address) for address in resolve(destination)] if self.networks else []
        return bool(found) and all(network is not None and self._covers(network) for network in found)

    @property
    def networks(self) -> list[Network]:
        found = map(as_network, self.destinations or ())
        return [network for network in found if network is not None]

    @property
    def names(self) -> list[str]:
        return [each.lower() for each in self.destinations or () if as_network(each) is None]

    def _covers(self, network: Network) -> bool:
        return any(
            outer.version == network.version
            and outer.prefixlen <= network.prefixlen
            and network.network_address in outer
            for outer in self.networks
        )


def read(text: str, is_json: bool) -> Policy:
    """A policy as its file has it. Raises Invalid."""
    document = load(text, "the policy") if is_json else _toml(text)
    problem = _FORM.fault(document)
    if problem:
        raise problem
    names = {name: frozenset(document[name]) for name in ("tests", "tools") if name in document}
    spans = {"longest": "longest", "clock-limit": "clock_limit"}
    durations = {field: parse_duration(document[name]) for name, field in spans.items() if name in document}
    return Policy(
        **names,  # type: ignore[arg-type]
        **durations,  # type: ignore[arg-type]
        destinations=document.get("destinations"),
        most_runs=document.get("most-runs", MOST_RUNS),
    )


def _toml(text: str) -> JSON:
    try:
        return json.loads(json.dumps(tomllib.loads(text), default=str))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the policy: not valid TOML: {error}") from error


class PolicyFile:
    """The policy in force, read again when its file changes.

    One that cannot be read allows nothing: what its owner meant to forbid is not known.
    """

    def __init__(self, path: pathlib.Path, wanted: bool = True):
        """``wanted`` says that there has to be a file; otherwise none is a policy that allows everything."""
        self._path, self._wanted = path, wanted
        self._seen: Any = None
        self._policy = Policy()
        self.problem: str | None = None

    def policy(self) -> Policy:
        seen = self._stamp(self._path)
        if seen != self._seen:
            self._seen = seen
            self._policy = self._read(self._path)
        return self._policy

    @staticmethod
    def _stamp(path: pathlib.Path) -> Any:
        try:
            found = path.stat()
        except OSError as error:
            return error.errno
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self, path: pathlib.Path) -> Policy:
        if not self._wanted and not path.exists():
            self.problem = None
            return Policy()
        try:
            found = read(path.read_text(), path.suffix == ".json")
        except (Invalid, OSError, UnicodeError) as error:
            why = error.message if isinstance(error, Invalid) else str(error)
            self.problem = f"The policy {path} cannot be read, and no run is taken: {why}"
            LOG.error("%s", self.problem)
            return Policy(most_runs=0)
        self.problem = None
        LOG.info("The policy is that of %s", path)
        return found
