"""nmapscan: performs openports with the program nmap (docs/contract/tools.md section 7)."""

import datetime as dt
import ipaddress
import re

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.support import host_lookup as _hosts
from plugins.tools.reach.address_sweep import address

MOST_USED = 1000
"""How many ports, the most used ones, are tried where the spec does not say which."""

_HOST = re.compile(r"^Host: (?P<address>\S{1,60}) ")
_PORTS = re.compile(r"\tPorts: (?P<ports>[^\t]*)")
_PORT = re.compile(r"^(?P<port>\d{1,5})/(?P<state>[a-z|]{1,40})/tcp/")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def declines(test: str, spec: Spec) -> list[str]:
    return ["Does not look for services"] if spec.get("services") else []


def duration(test: str, spec: Spec) -> dt.timedelta:
    if "timeout" in spec:
        return parse_duration(spec["timeout"])
    net = given_network(spec)
    return (6 * (net.num_addresses if net else 1) + 5) * 1.1 * SECOND


def given_network(spec: Spec) -> Network | None:
    """The network, or network of one address, that the spec has; None where it is a name."""
    try:
        return ipaddress.ip_network(spec["network"], strict=False)
    except ValueError:
        return None


def target(spec: Spec) -> Network:
    """What to look at, with names looked up. Raises PluginFailed where a name has no address."""
    return given_network(spec) or ipaddress.ip_network(str(_hosts.resolve(spec["network"])))


def argv(spec: Spec, net: Network, source: str | None = None) -> list[str]:
    """The program and its arguments."""
    family = ["-6"] if net.version == 6 else []
    ports = ["-p", spec["ports"]] if "ports" in spec else ["--top-ports", str(MOST_USED)]
    bound = ["-S", source] if source else []
    where = str(net) if net.num_addresses > 1 else str(net.network_address)
    return ["nmap", "-n", "-oG", "-", *family, *ports, *bound, where]


def parse(output: str) -> dict[str, dict[str, str]]:
    """{address: {port: state}} of the hosts that are up, with the ports that are reported one by one.

    Raises PluginFailed where the program did not come to its end.
    """
    if "\n# Nmap done at " not in output:
        raise PluginFailed("nmap did not finish", output)
    hosts: dict[str, dict[str, str]] = {}
    for line in output.splitlines():
        host = _HOST.match(line)
        name = address(host["address"]) if host else None
        if name is not None:
            hosts.setdefault(name, {}).update(_ports(line))
    return hosts


def _ports(line: str) -> dict[str, str]:
    listed = _PORTS.search(line)
    found = [_PORT.match(text.strip()) for text in listed["ports"].split(",")] if listed else []
    return {port["port"]: port["state"] for port in found if port}


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not look, or was not done in time."""
    net = target(job.spec)
    source = _hosts.source_address(job.spec["source"], net.version) if "source" in job.spec else None
    guarded_connections.check_network(net)
    command = argv(job.spec, net, source)
    job.wait_for_start()
    limit = duration("openports", job.spec).total_seconds()
    done = job.host.execute(command, timeout=limit)
    diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"nmap ended with status {done.status}", diags)
    return wrapped({"schema": 1, "succeeded": True, "result": parse(done.stdout)}, diags)


TOOL = Tool(
    name="nmapscan",
    label="NMAP Scan",
    description="Find the open TCP ports of hosts with the program nmap",
    tests=("openports",),
    programs=("nmap",),
    declines=declines,
    duration=duration,
    run=run,
)
