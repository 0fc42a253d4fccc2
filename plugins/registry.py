"""Every plugin, by kind and name. The lists are explicit; a test holds them against the folders.

Installed packages can add plugins through the entry-point groups ``pscheduler.tests``, ``.tools``,
``.archivers`` and ``.contexts``, each naming a constant such as ``package.module:TEST``. Those have to say
who maintains them: what is wrong with them is not for this project to mend.
"""

import functools
import importlib.metadata
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

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
from plugins.sdk.base import Archiver, Context, Plugin, Test, Tool
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

AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)


@functools.cache
def _installed() -> Any:
    """The entry points of all installed packages: looking through them takes milliseconds."""
    return importlib.metadata.entry_points()


def forget() -> None:
    """Look anew for what is installed."""
    for found in (_installed, _added, tests, tools, archivers, contexts):
        found.cache_clear()


def _by_name(kind: str, own: Sequence[AnyPlugin]) -> Mapping[str, AnyPlugin]:
    added = [plugin for plugin, reason in _added(kind) if reason is None]
    plugins = {plugin.name: plugin for plugin in [*added, *own]}  # our own cannot be replaced
    return dict(sorted(plugins.items()))


@functools.cache
def _added(kind: str) -> Sequence[tuple[Any, str | None]]:
    """The installed plugins of a kind, and why one is left out, as a sentence; None where it is not."""
    found = []
    for entry in _installed().select(group=f"pscheduler.{kind}"):
        plugin = entry.load()
        reason = None if plugin.maintainer else f"{entry.value} names no maintainer, and is left out"
        if reason:
            LOG.error("%s", reason)
        found.append((plugin, reason))
    return found


def left_out(name: str) -> list[str]:
    """Why installed plugins of a name are left out, a sentence each."""
    all_added = (added for kind in ("tests", "tools", "archivers", "contexts") for added in _added(kind))
    return [reason for plugin, reason in all_added if reason and plugin.name == name]


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
