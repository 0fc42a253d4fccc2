"""The tools that ship with the node."""

from plugins.tools.host import psclock, pstimer
from plugins.tools.idle import passthrough, sleep, sleepbgm, snooze
from plugins.tools.link import bssidscanner, dhclient, umichwpa
from plugins.tools.one_way import halfping, owping, powstream, stamp, twping
from plugins.tools.reach import fpingreach, nmapreach, nmapscan, ping, tcpping, tcpscan
from plugins.tools.route import dublin_traceroute, fwmtu, paris_traceroute, tracemtu, tracepath, traceroute
from plugins.tools.snmp import net_snmp_set, pysnmp
from plugins.tools.throughput import ethr, ib_write_bw, iperf2, iperf3, nuttcp, qperf
from plugins.tools.transfer import curl_d2d, globus, s3_benchmark, simplestreamer
from plugins.tools.web import curl, dnspy, pydns64, tlspy

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
