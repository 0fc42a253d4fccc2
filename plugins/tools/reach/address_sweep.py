"""What the tools that perform netreach have in common (docs/contract/tools.md section 7).

Addresses are tried in batches until one of them answers. The gateway goes first, and counts as a
host of the network like any other; it alone is waited for when others have answered.
"""

import dataclasses
import datetime as dt
import ipaddress
import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import pick
from plugins.support import guarded_connections
from plugins.support import host_lookup as _hosts
from plugins.tests.netreach import Network, gateway, hosts, network

TIMEOUT = 3 * SECOND
SHOWN = 40
"""How much of a command the diagnostics show, in words: thousands of addresses are no help."""


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def limit(spec: Spec, default: int | None = None) -> int:
    """How many hosts are tried besides the gateway, all of them by default."""
    most = hosts(network(spec))
    return min(int(spec.get("limit", default or most)), most)


def count(spec: Spec, default: int | None = None) -> int:
    """How many addresses may be tried."""
    return limit(spec, default) + ("gateway" in spec)


def targets(spec: Spec, default: int | None = None) -> Iterator[str]:
    """The addresses to try, in order: the gateway, then hosts as ``scan`` says, up to the limit."""
    net, first = network(spec), gateway(spec)
    others = (net[number] for number in SCANS[spec.get("scan", "edges")](net))
    if first is not None:
        yield str(first)
    for _, other in zip(
        range(limit(spec, default)), (other for other in others if other != first), strict=False
    ):
        yield str(other)


def _up(net: Network) -> Iterable[int]:
    return range(1, hosts(net) + 1)


def _down(net: Network) -> Iterable[int]:
    return range(hosts(net), 0, -1)


def _edges(net: Network) -> Iterator[int]:
    """First, last, second, last but one, and so on."""
    for low, high in zip(_up(net), _down(net), strict=True):
        if low > high:
            return
        yield low
        if low < high:
            yield high


def _random(net: Network) -> Iterator[int]:
    """All of them, shuffled as they are asked for: there may be more than memory holds."""
    moved: dict[int, int] = {}
    for number in _up(net):
        drawn = random.randint(number, hosts(net))  # noqa: S311 - nothing is secret here
        yield moved.get(drawn, drawn)
        moved[drawn] = moved.get(number, number)


SCANS: dict[str, Callable[[Network], Iterable[int]]] = {
    "up": _up,
    "down": _down,
    "edges": _edges,
    "random": _random,
}


def batches(addresses: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(addresses)
    while batch := [address for _, address in zip(range(size), left, strict=False)]:
        yield batch


def source(spec: Spec) -> str | None:
    """The address to measure from, where the spec names a host. Raises PluginFailed where there is none."""
    return _hosts.source_address(spec["host"], network(spec).version) if "host" in spec else None


@dataclasses.dataclass(frozen=True)
class Program:
    """How a program that tries addresses is used.

    ``longest`` is the time a batch may take, ``heard`` finds in a line the address that is said to be
    up, and statuses above ``highest`` mean that the program could not do its work.
    """

    longest: dt.timedelta
    heard: Callable[[str], str | None]
    highest: int


class _Enough(Exception):
    """What was to be found out is known."""


@dataclasses.dataclass
class _Search:
    """What is known so far; ``first`` is the gateway's address, which is waited for."""

    first: str | None
    up: set[str] = dataclasses.field(default_factory=set)
    diags: str = ""

    def hear(self, address: str | None) -> None:
        self.up.update([address] if address else [])
        if self.up and (self.first is None or self.first in self.up):
            raise _Enough

    def result(self) -> JSON:
        asked = {"gateway-up": self.first in self.up} if self.first else {}
        diags = f"{self.diags}Up: {', '.join(sorted(self.up)) or 'none'}\n"
        return wrapped({"schema": 1, "succeeded": True, "network-up": bool(self.up), **asked}, diags)


def search(job: Job, commands: Iterable[Sequence[str]], program: Program) -> JSON:
    """Run one command after the other, from the start on, until an address is heard to be up.

    Raises PluginFailed where a command failed, or did not end in time with nothing heard: whether the
    rest would have answered is not known then.
    """
    guarded_connections.check_network(network(job.spec))
    first = gateway(job.spec)
    found = _Search(str(first) if first else None)
    job.wait_for_start()
    for command in commands:
        found.diags += f"{' '.join(command[:SHOWN])}\n"
        _try(job, command, program, found)
        if found.up:
            break
    return found.result()


def _try(job: Job, command: Sequence[str], program: Program, found: _Search) -> None:
    try:
        done = job.host.follow(
            command, program.longest.total_seconds(), lambda line: found.hear(program.heard(line))
        )
    except _Enough:
        return
    if done.status < 0 and not found.up:
        raise PluginFailed(f"{command[0]} did not finish in time, and nothing had answered yet", found.diags)
    if done.status > program.highest:
        error = done.stderr.strip() or f"{command[0]} ended with status {done.status}"
        raise PluginFailed(error, found.diags)


def address(text: str) -> str | None:
    """An address as Python writes it; None for any other text."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def merge(spec: Spec, results: Sequence[JSON]) -> Result | None:
    """What the first participant found; where it failed, with what went wrong."""
    failed = results[0] if isinstance(results[0], dict) else {}
    said = {name: failed[name] for name in ("error", "diags") if isinstance(failed.get(name), str)}
    return pick(results) or {"succeeded": False, **said}
