"""What this host has and can do, as a document that a node may know it by (``domain/host_facts.py``).

Programs are asked as the tools ask them: each tool that works here is asked what it would tell the other
participants, and what it asks of the host then is kept with the answers. ``FactsHost`` gives them back where
the host itself is far away.
"""

import contextlib
import datetime as dt
import logging
import os
import pathlib
import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import ifaddr

from chalicelib.domain import host_facts
from chalicelib.domain.host_facts import LONGEST_ANSWER, LONGEST_REASON, MOST_ANSWERS, MOST_UNMET
from chalicelib.domain.job import Completed
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.infrastructure.machine import Machine
from plugins import registry
from plugins.sdk.jobs import PluginFailed
from plugins.sdk.programs import is_installed
from plugins.sdk.tool import Tool
from plugins.support import configured

LOG = logging.getLogger(__name__)
ASKING = 3.0
"""Seconds a program may take to say its version."""
NAMESPACES = pathlib.Path("/run/netns")

_VERSIONS: Mapping[str, Sequence[str]] = {
    "curl": ("--version",),
    "dublin-traceroute": ("--version",),
    "fping": ("--version",),
    "iperf": ("--version",),
    "iperf3": ("--version",),
    "iwlist": ("--version",),
    "nmap": ("--version",),
    "numactl": ("--version",),
    "nuttcp": ("-V",),
    "ping": ("-V",),
    "tracepath": ("-V",),
    "traceroute": ("--version",),
    "wpa_supplicant": ("-v",),
}
"""How programs are asked for their version, where asking does no harm."""
_NUMBERED = re.compile(r"[0-9]\.[0-9]")
_FURTHER = ("ethr", "ethr0", "ib_write_bw", "owping", "powstream", "qperf", "taskset", "twping")
_CAPABILITIES = {10: "net_bind_service", 12: "net_admin", 13: "net_raw", 21: "sys_admin", 25: "sys_time"}
"""Those that tools and contexts need, by their bit (capabilities(7))."""


def gather() -> dict[str, JSON]:
    """All of it, at most ``host_facts.LARGEST`` bytes: what is least missed goes first. Never raises.

    Asking programs takes seconds where they are slow to answer.
    """
    tools = {name: _tool(tool) for name, tool in registry.tools().items()}
    asked = _Recorder()
    for name, said in tools.items():
        if not said["unmet"]:
            _ask(registry.tools()[name], asked)
    facts = {
        "schema": host_facts.SCHEMA,
        "system": _system(),
        "privileges": {"root": os.geteuid() == 0, "capabilities": _capabilities()},
        "interfaces": _interfaces(),
        "namespaces": _namespaces(),
        "clock": _clock(),
        "programs": {**_programs(), **asked.programs},
        "answers": asked.answers[:MOST_ANSWERS],
        "settings": asked.settings,
        "tools": tools,
        "tests": {name: test.version for name, test in registry.tests().items()},
        "contexts": {name: context.version for name, context in registry.contexts().items()},
    }
    return _fitted(facts)


def _fitted(facts: dict[str, JSON]) -> dict[str, JSON]:
    for spare in ("namespaces", "interfaces", "answers", "programs"):
        if host_facts.size(facts) <= host_facts.LARGEST:
            break
        LOG.warning("The facts of this host are too many: %s are left out", spare)
        facts = {name: value for name, value in facts.items() if name != spare}
    return facts


def _tool(tool: Tool) -> dict[str, JSON]:
    try:
        unmet = tool.unmet()
    except Exception as error:  # a plugin's own mistake must not be the host's
        LOG.exception("The tool %s does not say what it needs", tool.name)
        unmet = [f"It does not say what it needs: {error!r}"]
    return {"version": tool.version, "unmet": [reason[:LONGEST_REASON] for reason in unmet[:MOST_UNMET]]}


def _ask(tool: Tool, host: "_Recorder") -> None:
    for name in tool.tests:
        test = registry.tests().get(name)
        for spec in test.examples[:1] if test else ():
            for number in range(len(test.participants(spec)) if test else 0):
                try:
                    tool.participant_data(number, spec, host)
                except Exception as error:  # what it cannot tell here it cannot tell elsewhere
                    LOG.info("The tool %s tells nothing of this host: %r", tool.name, error)


class _Recorder(Machine):
    """This machine, and what of it tools ask before a run."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[dict[str, JSON]] = []
        self.settings: dict[str, dict[str, str]] = {}
        self.programs: dict[str, str] = {}

    def setting(self, tool: str, name: str) -> str:
        found = configured.settings(tool).get(name, "")
        if found:
            self.settings.setdefault(tool, {})[name] = found[:256]
        return found

    def has_program(self, name: str) -> bool:
        there = is_installed(name)
        if there:
            self.programs.setdefault(name[:256], "")
        return there

    def execute(
        self,
        argv: Sequence[str],
        timeout: float,
        stdin: str = "",
        env: Mapping[str, str] = {},
        until: Callable[[], bool] = lambda: False,
    ) -> Completed:
        done = super().execute(argv, min(timeout, ASKING), stdin, env, until)
        known = [answer["argv"] for answer in self.answers]
        if list(argv) not in known:
            self.answers.append({"argv": list(argv), **_bounded(done)})
        return done


def _bounded(done: Completed) -> dict[str, JSON]:
    said = {"stdout": done.stdout[:LONGEST_ANSWER], "stderr": done.stderr[:LONGEST_ANSWER]}
    return {"status": done.status, **said}


def _programs() -> dict[str, str]:
    """The programs that are here, each with the first line of what it says of its version, or nothing."""
    wanted = {*_VERSIONS, *_FURTHER, *(name for tool in registry.tools().values() for name in tool.programs)}
    here = sorted(name for name in wanted if is_installed(name))
    with ThreadPoolExecutor(4) as side_by_side:
        return dict(zip(here, side_by_side.map(_version, here), strict=True))


def _version(program: str) -> str:
    if program not in _VERSIONS:
        return ""
    try:
        done = Machine().execute([program, *_VERSIONS[program]], ASKING)
    except PluginFailed:
        return ""
    lines = f"{done.stdout}\n{done.stderr}".splitlines()
    return next((line.strip()[:256] for line in lines if _NUMBERED.search(line)), "")


def _system() -> dict[str, str]:
    known = {"system": platform.system(), "release": platform.release(), "machine": platform.machine()}
    return {name: text[:256] for name, text in {**known, "python": platform.python_version()}.items()}


def _capabilities() -> list[str]:
    with contextlib.suppress(OSError, ValueError):
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("CapEff:"):
                held = int(line.split()[1], 16)
                return [name for bit, name in _CAPABILITIES.items() if held >> bit & 1]
    return []


def _interfaces() -> list[dict[str, JSON]]:
    adapters = list(ifaddr.get_adapters())[: host_facts.MOST_INTERFACES]
    return [{"name": str(each.name)[:64], "addresses": _addresses(each.ips)} for each in adapters]


def _addresses(ips: Iterable[ifaddr.IP]) -> list[str]:
    found = ((ip.ip if isinstance(ip.ip, str) else ip.ip[0], ip.network_prefix) for ip in ips)
    return [f"{address}/{prefix}" for address, prefix in found][:50]


def _namespaces() -> list[str]:
    try:
        return sorted(path.name[:256] for path in NAMESPACES.iterdir())[: host_facts.MOST_NAMES]
    except OSError:
        return []


def _clock() -> dict[str, JSON]:
    """What does not change by itself: not the time, and not by how much it is off."""
    state = Machine().clock_state()
    return {"synchronized": state["synchronized"], "source": str(state.get("source", ""))}


class FactsHost:
    """A host that is far away, as far as its facts tell. ``Host`` for what is done before a run alone."""

    def __init__(self, facts: Mapping[str, JSON]):
        self._facts = facts

    def setting(self, tool: str, name: str) -> str:
        text: str = self._facts.get("settings", {}).get(tool, {}).get(name, "")
        return text

    def has_program(self, name: str) -> bool:
        return name in self._facts.get("programs", {})

    def now(self) -> dt.datetime:
        return dt.datetime.now(UTC)

    def sleep_until(self, moment: dt.datetime) -> NoReturn:
        raise PluginFailed("A plugin can only wait once its run has begun")

    def execute(
        self,
        argv: Sequence[str],
        timeout: float,
        stdin: str = "",
        env: Mapping[str, str] = {},
        until: Callable[[], bool] = lambda: False,
    ) -> Completed:
        """What the program answered when the host was asked. Raises PluginFailed where it was not."""
        for answer in self._facts.get("answers", ()):
            if answer["argv"] == list(argv):
                return Completed(answer["status"], answer["stdout"], answer["stderr"])
        raise PluginFailed(f"It is not known what {argv[0]} prints on this host")

    def follow(
        self,
        argv: Sequence[str],
        timeout: float,
        on_line: Callable[[str], None],
        directory: str | None = None,
    ) -> NoReturn:
        raise PluginFailed(f"{argv[0]} runs on another host, and cannot be followed from here")

    def clock_state(self) -> dict[str, JSON]:
        known = self._facts.get("clock", {"synchronized": False, "source": "unknown"})
        return {"time": format_timestamp(self.now()), **known}
