"""tcpscan: performs openports by making TCP connections; pScheduler has no tool of the kind.

Needs no program and no privileges. A port that accepts is open, one that refuses is closed, and one
that does neither in time is filtered, in the words of nmap. A host whose ports are all filtered is
taken for one that is not there. Which ports are the most used it does not know.
"""

import datetime as dt
import itertools
import math
import socket
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.tests.openports import port_numbers
from plugins.tools.reach.nmapscan import Network, given_network, target

PARALLEL = 64
"""How many connections are tried at once."""
CONNECT_TIMEOUT = 1.0
"""Seconds to wait for a connection."""

REFUSED = "refused"
"""In place of the state of a port that tasks must not reach."""

Ends = tuple[str, int]
"""An address and a port."""


def declines(test: str, spec: Spec) -> list[str]:
    rules = (
        ("ports" not in spec, "Has to be told which ports to try"),
        ("source" in spec, "Does not choose the address to measure from"),
        (spec.get("services", False), "Does not look for services"),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    if "timeout" in spec:
        return parse_duration(spec["timeout"])
    net = given_network(spec)
    tries = (net.num_addresses if net else 1) * len(port_numbers(spec.get("ports", "0")))
    return (math.ceil(tries / PARALLEL) * CONNECT_TIMEOUT + 4) * SECOND


def run(job: Job) -> JSON:
    """Raises PluginFailed where a name has no address, or not all was tried in time."""
    from concurrent.futures import ThreadPoolExecutor

    net = target(job.spec)
    left = _every(net, port_numbers(job.spec["ports"]))
    job.wait_for_start()
    deadline = job.host.now() + duration("openports", job.spec)
    states: dict[Ends, str] = {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        while batch := list(itertools.islice(left, PARALLEL)):
            job.host.sleep_until(job.host.now())  # where a run that was cancelled ends
            if job.host.now() >= deadline:
                raise PluginFailed(f"Not finished in time: {len(states)} connections were tried")
            states.update(zip(batch, pool.map(state, batch), strict=True))
    refused = [ends for ends, found in states.items() if found == REFUSED]
    if refused and len(refused) == len(states):
        guarded_connections.check(*refused[0])  # raises, and says why
    states.update(dict.fromkeys(refused, "filtered"))
    diags = f"{len(states) - len(refused)} tried, {len(refused)} left out: tasks may not reach them\n"
    return wrapped({"schema": 1, "succeeded": True, "result": by_host(states)}, diags)


def _every(net: Network, ports: list[int]) -> Iterator[Ends]:
    return ((str(address), port) for address in net for port in ports)


def state(ends: Ends) -> str:
    """What a port says to a connection: open, closed or filtered; REFUSED where it must not be tried.

    Only the wait for its answer is limited: a scanner that is held up itself finds no port filtered.
    """
    family = socket.AF_INET6 if ":" in ends[0] else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as end:
            end.settimeout(CONNECT_TIMEOUT)
            guarded_connections.connect(end, ends)
            return "open"
    except guarded_connections.Refused:
        return REFUSED
    except ConnectionRefusedError:
        return "closed"
    except OSError:
        return "filtered"


def by_host(states: dict[Ends, str]) -> dict[str, dict[str, str]]:
    """{address: {port: state}} of the hosts that are there."""
    there = {address for (address, _), found in states.items() if found != "filtered"}
    hosts: dict[str, dict[str, str]] = {}
    for (address, port), found in states.items():
        if address in there:
            hosts.setdefault(address, {})[str(port)] = found
    return hosts


TOOL = Tool(
    name="tcpscan",
    label="TCP Scan",
    description="Find the open TCP ports of hosts by connecting to them",
    tests=("openports",),
    preference=-10,
    declines=declines,
    duration=duration,
    run=run,
)
