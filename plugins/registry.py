"""Every plugin, by kind and name. The lists are explicit; a test holds them against the folders.

Installed packages can add plugins through the entry-point groups ``pscheduler.tests``, ``.tools``,
``.archivers`` and ``.contexts``, each naming a constant such as ``package.module:TEST``. Those have to say
who maintains them: what is wrong with them is not for this project to mend.
"""

import dataclasses
import functools
import importlib.metadata
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chalicelib.domain.schemas import Checker
from chalicelib.domain.types import TYPES
from plugins.archivers import (
    bitbucket,
    eventbridge,
    failer,
    opensearch,
    otlp,
    postgresql,
    prometheus,
    rabbitmq,
    s3,
    snmptrap,
    sqs,
    syslog,
    tcp,
    udp,
)
from plugins.archivers import http as http_archiver
from plugins.contexts import changefail, changenothing, linuxnns, linuxvrf
from plugins.sdk.base import Archiver, Context, Maintainer, Plugin, Test, Tool
from plugins.tests import (
    clock,
    dhcp,
    disk_to_disk,
    dns,
    dns64,
    dot1x,
    http,
    idle,
    idlebgm,
    idleex,
    latency,
    latencybg,
    mtu,
    netreach,
    noop,
    openports,
    psresponse,
    rtt,
    s3throughput,
    simplestream,
    snmpget,
    snmpgetbgm,
    snmpset,
    throughput,
    tls,
    trace,
    wifibssid,
)
from plugins.tools.host import psclock, pstimer
from plugins.tools.idling import passthrough, sleep, sleepbgm, snooze
from plugins.tools.link import bssidscanner, dhclient, umichwpa
from plugins.tools.one_way import halfping, owping, powstream, stamp, twping
from plugins.tools.reach import fpingreach, nmapreach, nmapscan, ping, tcpping, tcpscan
from plugins.tools.route import dublin_traceroute, fwmtu, paris_traceroute, tracemtu, tracepath, traceroute
from plugins.tools.snmp import net_snmp_set, pysnmp
from plugins.tools.throughput import ethr, ib_write_bw, iperf2, iperf3, nuttcp, qperf
from plugins.tools.transfer import curl_d2d, globus, s3_benchmark, simplestreamer
from plugins.tools.web import curl, dnspy, pydns64, tlspy

LOG = logging.getLogger(__name__)

TESTS = (
    clock.TEST,
    dhcp.TEST,
    disk_to_disk.TEST,
    dns.TEST,
    dns64.TEST,
    dot1x.TEST,
    http.TEST,
    idle.TEST,
    idlebgm.TEST,
    idleex.TEST,
    latency.TEST,
    latencybg.TEST,
    mtu.TEST,
    netreach.TEST,
    noop.TEST,
    openports.TEST,
    psresponse.TEST,
    rtt.TEST,
    s3throughput.TEST,
    simplestream.TEST,
    snmpget.TEST,
    snmpgetbgm.TEST,
    snmpset.TEST,
    throughput.TEST,
    tls.TEST,
    trace.TEST,
    wifibssid.TEST,
)
TOOLS = (
    bssidscanner.TOOL,
    curl.TOOL,
    curl_d2d.TOOL,
    dhclient.TOOL,
    dnspy.TOOL,
    dublin_traceroute.TOOL,
    ethr.TOOL,
    fpingreach.TOOL,
    fwmtu.TOOL,
    globus.TOOL,
    halfping.TOOL,
    ib_write_bw.TOOL,
    iperf2.TOOL,
    iperf3.TOOL,
    net_snmp_set.TOOL,
    nmapreach.TOOL,
    nmapscan.TOOL,
    nuttcp.TOOL,
    owping.TOOL,
    paris_traceroute.TOOL,
    passthrough.TOOL,
    ping.TOOL,
    powstream.TOOL,
    psclock.TOOL,
    pstimer.TOOL,
    pydns64.TOOL,
    pysnmp.TOOL,
    qperf.TOOL,
    s3_benchmark.TOOL,
    simplestreamer.TOOL,
    sleep.TOOL,
    sleepbgm.TOOL,
    snooze.TOOL,
    stamp.TOOL,
    tcpping.TOOL,
    tcpscan.TOOL,
    tlspy.TOOL,
    tracemtu.TOOL,
    tracepath.TOOL,
    traceroute.TOOL,
    twping.TOOL,
    umichwpa.TOOL,
)
ARCHIVERS = (
    bitbucket.ARCHIVER,
    eventbridge.ARCHIVER,
    failer.ARCHIVER,
    http_archiver.ARCHIVER,
    opensearch.ARCHIVER,
    otlp.ARCHIVER,
    postgresql.ARCHIVER,
    prometheus.ARCHIVER,
    rabbitmq.ARCHIVER,
    s3.ARCHIVER,
    snmptrap.ARCHIVER,
    sqs.ARCHIVER,
    syslog.ARCHIVER,
    tcp.ARCHIVER,
    udp.ARCHIVER,
)
CONTEXTS = (changefail.CONTEXT, changenothing.CONTEXT, linuxnns.CONTEXT, linuxvrf.CONTEXT)

KINDS: Mapping[str, type[Plugin]] = {
    "tests": Test,
    "tools": Tool,
    "archivers": Archiver,
    "contexts": Context,
}
AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)
_MAINTAINER = Checker(
    {"allOf": [TYPES["Maintainer"], {"properties": {"name": {"type": "string", "pattern": r"\S"}}}]}
)


@functools.cache
def _installed() -> Any:
    """The entry points of all installed packages: looking through them takes milliseconds."""
    return importlib.metadata.entry_points()


def forget() -> None:
    """Look anew for what is installed."""
    for found in (_installed, _added, tests, tools, archivers, contexts):
        found.cache_clear()


def _by_name(kind: str, own: Sequence[AnyPlugin]) -> Mapping[str, AnyPlugin]:
    added = [found.plugin for found in _added(kind) if found.reason is None]
    plugins = {plugin.name: plugin for plugin in [*added, *own]}  # our own cannot be replaced
    return dict(sorted(plugins.items()))


@dataclasses.dataclass(frozen=True)
class Added:
    """An installed plugin, by its own name or else its entry point's; ``reason`` says why it is left out."""

    name: str
    plugin: Any
    reason: str | None


@functools.cache
def _added(kind: str) -> Sequence[Added]:
    """The installed plugins of a kind. One that is broken is left out: it must not take the node with it."""
    found = [_loaded(entry, kind) for entry in _installed().select(group=f"pscheduler.{kind}")]
    for each in found:
        if each.reason:
            LOG.error("%s", each.reason)
    return found


def _loaded(entry: Any, kind: str) -> Added:
    try:
        plugin = entry.load()
    except Exception as error:  # it is somebody else's module
        return Added(entry.name, None, f"{entry.value} cannot be loaded, and is left out: {error!r}")
    if not isinstance(plugin, KINDS[kind]):
        return Added(entry.name, None, f"{entry.value} is no {KINDS[kind].__name__}, and is left out")
    objection = _objection(plugin.maintainer)
    return Added(plugin.name, plugin, objection and f"{entry.value} {objection}, and is left out")


def _objection(maintainer: Any) -> str | None:
    """What is wrong with whom an installed plugin names; None where nothing is."""
    if not maintainer:
        return "names no maintainer"
    if not isinstance(maintainer, Maintainer):
        return "names its maintainer by something else than a Maintainer"
    problem = _MAINTAINER.problem(maintainer.describe())
    return f"names a maintainer that is none: {problem}" if problem else None


def left_out(name: str) -> list[str]:
    """Why installed plugins of a name are left out, a sentence each."""
    all_added = (added for kind in KINDS for added in _added(kind))
    return [added.reason for added in all_added if added.reason and added.name == name]


@functools.cache
def tests() -> Mapping[str, Test]:
    """The tests by name, in order of their names."""
    return _by_name("tests", TESTS)


@functools.cache
def tools() -> Mapping[str, Tool]:
    """The tools by name, in order of their names."""
    return _by_name("tools", TOOLS)


@functools.cache
def archivers() -> Mapping[str, Archiver]:
    """The archivers by name, in order of their names."""
    return _by_name("archivers", ARCHIVERS)


@functools.cache
def contexts() -> Mapping[str, Context]:
    """The contexts by name, in order of their names."""
    return _by_name("contexts", CONTEXTS)


def tools_for(test: str) -> list[Tool]:
    """The tools that perform a test, the preferred first (docs/contract/api.md: preference, then name)."""
    return sorted(
        (tool for tool in tools().values() if test in tool.tests),
        key=lambda tool: (-tool.preference, tool.name),
    )
