"""Running a program on processors near its network interface, by numactl
(docs/contract/tools.md section 4)."""

import json
import pathlib

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import Host, Job, PluginFailed
from plugins.sdk.programs import is_installed
from plugins.support import configured
from plugins.support.host_lookup import Ends

TIMEOUT = 2.0
"""Seconds for each of the little programs asked here."""
INTERFACES = pathlib.Path("/sys/class/net")


def pin(host: Host, cpu: float | None, address: str | None, dest: str) -> tuple[list[str], str]:
    """The words to put before a program's, and what to say of it where they cannot be used.

    ``cpu`` is the processor asked for. Without one it is those next to the interface that has
    ``address``, or else leads to ``dest``, on machines where memory is nearer to some processors.
    """
    words = ["numactl", "-C", str(int(cpu))] if cpu is not None else _near(host, address, dest)
    if not words or _works(host, [*words, "true"]):
        return words, ""
    return [], f"{' '.join(words)} does not work here: not bound to any processor\n"


def pinned_client(job: Job, name: str, argv: list[str], ends: Ends) -> tuple[list[str], str]:
    """The command of a tool's client, near the source, and what to say before what it says."""
    words, note = pin(job.host, job.spec.get("client-cpu-affinity"), ends.source, ends.dest)
    return [*words, *configured.command(name, argv)], note


def pinned_server(job: Job, name: str, argv: list[str], ends: Ends) -> tuple[list[str], str]:
    """The command of a tool's server, near the destination, and what to say before what it says."""
    words, note = pin(job.host, job.spec.get("server-cpu-affinity"), ends.dest, ends.dest)
    return [*words, *configured.command(name, argv)], note


def _near(host: Host, address: str | None, dest: str) -> list[str]:
    question = ["address", "show", "to", address] if address else ["route", "get", dest]
    interface = _interface(host, ["ip", "-json", *question])
    node = _node(interface) if interface else None
    return ["numactl", "-N", str(node)] if node is not None else []


def _interface(host: Host, command: list[str]) -> str | None:
    try:
        answer = json.loads(host.execute(command, TIMEOUT).stdout)
    except (PluginFailed, ValueError):
        return None
    return _named(answer)


def _named(answer: JSON) -> str | None:
    """The interface that ``ip`` names, ``ifname`` of an address or ``dev`` of a route."""
    entries = [entry for entry in answer if isinstance(entry, dict)] if isinstance(answer, list) else []
    names = [entry.get("ifname", entry.get("dev")) for entry in entries]
    return next((name for name in names if isinstance(name, str) and "/" not in name), None)


def _node(interface: str) -> int | None:
    """The NUMA node of an interface; None where the machine has but one, or it is no real device."""
    try:
        node = int((INTERFACES / interface / "device" / "numa_node").read_text())
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None


def _works(host: Host, command: list[str]) -> bool:
    if not is_installed(command[0]):
        return False
    try:
        return host.execute(command, TIMEOUT).status == 0
    except PluginFailed:
        return False
