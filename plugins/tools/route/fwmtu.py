"""fwmtu: performs mtu by what the kernel learns from packets that must not be fragmented.

Needs no program and no privileges: a datagram goes out, and where a router says that it is too big,
the kernel keeps the size that fits (RFC 1191, RFC 8201; docs/contract/tools.md section 7). Linux only.
"""

import datetime as dt
import errno
import socket
import sys
import time
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections, host_lookup

PORT = 1060
SEARCH_TIMEOUT = 3.0
"""Seconds a measurement may take: with the lookup of a name before it, it stays below what is planned."""
PROBE_TIMEOUT = 1.0
"""Seconds to wait for a router to complain about a packet, or for the host to answer it."""
TRIES = 2
"""How many packets may come to nothing before their size is believed: a first one often does, while
addresses are resolved."""
OVERSIZE = 65507
"""Bytes of the largest datagram there is over IPv4."""

# From linux/in.h and linux/in6.h; the module socket has no names for them on Python 3.10.
_IPV4 = {"level": socket.IPPROTO_IP, "discover": 10, "mtu": 14, "headers": 20 + 8}
_IPV6 = {"level": socket.IPPROTO_IPV6, "discover": 23, "mtu": 24, "headers": 40 + 8}
_DO_NOT_FRAGMENT = 2  # IP_PMTUDISC_DO


def path_mtu(address: host_lookup.Address, port: int = PORT, limit: float = SEARCH_TIMEOUT) -> int:
    """The size in bytes of the largest packet that reaches an address in one piece, in at most ``limit`` s.

    Packets are made smaller as routers ask for it, until one meets no complaint. A router that drops
    them in silence is not noticed: the path may take less than is said then. Raises PluginFailed
    where the address cannot be sent to.
    """
    kind, family = (_IPV4, socket.AF_INET) if address.version == 4 else (_IPV6, socket.AF_INET6)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as end:
            end.setsockopt(kind["level"], kind["discover"], _DO_NOT_FRAGMENT)
            guarded_connections.connect(end, (str(address), port), guarded_connections.Purpose.PROBE)
            return _narrowed(end, kind, time.monotonic() + limit)
    except OSError as error:
        raise PluginFailed(f"{address} cannot be sent to: {error.strerror or error}") from error


def _narrowed(end: socket.socket, kind: Mapping[str, int], deadline: float) -> int:
    """What the kernel knows once packets of that size have arrived, or brought nothing new twice."""
    known, fruitless = end.getsockopt(kind["level"], kind["mtu"]), 0
    while fruitless < TRIES and time.monotonic() < deadline:
        if _arrives(end, min(known - kind["headers"], OVERSIZE), deadline):
            break
        before, known = known, end.getsockopt(kind["level"], kind["mtu"])
        fruitless += known >= before
    return known


def _arrives(end: socket.socket, size: int, deadline: float) -> bool:
    """Send so many bytes; whether the host answers in time, be it with a refusal."""
    end.settimeout(max(0.001, min(PROBE_TIMEOUT, deadline - time.monotonic())))
    try:
        end.send(bytes(size))
        end.recv(1)
    except (TimeoutError, ConnectionRefusedError) as error:
        return isinstance(error, ConnectionRefusedError)
    except OSError as error:
        if error.errno != errno.EMSGSIZE:  # which is how routers complain, and the kernel for them
            raise
        return False
    return True


def needs() -> list[str]:
    return [] if sys.platform == "linux" else ["Needs Linux, whose kernel reports what it knows about paths"]


def duration(test: str, spec: Spec) -> dt.timedelta:
    return 5 * SECOND


def run(job: Job) -> JSON:
    """Raises PluginFailed where the host has no address, or cannot be sent to."""
    address = host_lookup.resolve(job.spec["dest"], job.spec.get("ip-version"))
    job.wait_for_start()
    port = job.spec.get("port", PORT)
    found = path_mtu(address, port)
    diags = f"{found} bytes to {address}, port {port}"
    return wrapped({"schema": 1, "succeeded": True, "mtu": found}, diags)


TOOL = Tool(
    name="fwmtu",
    label="FW MTU",
    description="Measure the path MTU with UDP packets that must not be fragmented",
    tests=("mtu",),
    max_schema=2,
    needs=needs,
    duration=duration,
    run=run,
)
