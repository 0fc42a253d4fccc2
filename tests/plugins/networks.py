"""A small network of this machine's own: three links, each narrower than the one before, two routers.

    here --1500-- router --1400-- router --1300-- far

It is made of network namespaces, where that is allowed; tests that need it are skipped elsewhere.
"""

import itertools
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed

FAR, FAR_IPV6 = "203.0.113.2", "2001:db8:3::2"
ROUTERS, ROUTERS_IPV6 = ("192.0.2.2", "198.51.100.2"), ("2001:db8:1::2", "2001:db8:2::2")
MTUS = (1500, 1400, 1300)
NARROWEST = min(MTUS)

by_each_version = pytest.mark.parametrize(
    ("dest", "routers"),
    [pytest.param(FAR, ROUTERS, id="IPv4"), pytest.param(FAR_IPV6, ROUTERS_IPV6, id="IPv6")],
)
"""The far end and the routers on the way to it, by each version of IP."""

_LINKS = (("192.0.2", "2001:db8:1:"), ("198.51.100", "2001:db8:2:"), ("203.0.113", "2001:db8:3:"))
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_ROUTE = "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"
# Errors at any rate, and addresses that can be used at once.
_TALK = "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit"
_HASTE = "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"
# No name server: programs that look names up are refused at once instead of waiting.
_NAMELESS = 'mount --bind /dev/null /etc/resolv.conf; exec "$@"'


class Network:
    """Four namespaces in a row; programs run in the first."""

    def __init__(self, name: str):
        self.spaces = [f"{name}-{number}" for number in range(4)]

    def build(self) -> None:
        for space in self.spaces:
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
            ip("netns", "exec", space, "sh", "-c", f"{_ROUTE}; {_TALK}; {_HASTE}")
        pairs = itertools.pairwise(self.spaces)
        for (left, right), nets, mtu in zip(pairs, _LINKS, MTUS, strict=True):
            ip("link", "add", "right", "netns", left, "type", "veth", "peer", "name", "left", "netns", right)
            _join(left, "right", nets, 1, mtu)
            _join(right, "left", nets, 2, mtu)
        self._route()

    def _route(self) -> None:
        here, first, second, far = self.spaces
        for version, (one, two, three) in enumerate(zip(*_LINKS, strict=True)):
            family, colon, bits = (("-4", ".", ".0/24"), ("-6", ":", ":/64"))[version]
            ip(family, "-n", here, "route", "add", "default", "via", f"{one}{colon}2")
            ip(family, "-n", first, "route", "add", f"{three}{bits}", "via", f"{two}{colon}2")
            ip(family, "-n", second, "route", "add", f"{one}{bits}", "via", f"{two}{colon}1")
            ip(family, "-n", far, "route", "add", "default", "via", f"{three}{colon}1")

    def remove(self) -> None:
        if not shutil.which("ip"):
            return
        for space in self.spaces:
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, timeout=20, check=False)

    def execute(self, argv: Sequence[str]) -> Completed:
        """Run a program in the first namespace, able to import what this repository holds."""
        command = ["env", f"PYTHONPATH={_ROOT}", *argv]
        return self.machine().execute(command, timeout=30)

    def machine(self) -> Machine:
        space = self.spaces[0]

        inside = ["ip", "netns", "exec", space, "sh", "-c", _NAMELESS, "sh"]

        class Inside(Machine):
            def execute(self, argv: Sequence[str], *more: Any, **named: Any) -> Completed:
                return super().execute([*inside, *argv], *more, **named)

            def follow(self, argv: Sequence[str], *more: Any, **named: Any) -> Completed:
                return super().follow([*inside, *argv], *more, **named)

        return Inside()


def _join(space: str, device: str, nets: tuple[str, str], number: int, mtu: int) -> None:
    ip("-n", space, "address", "add", f"{nets[0]}.{number}/24", "dev", device)
    ip("-n", space, "address", "add", f"{nets[1]}:{number}/64", "dev", device, "nodad")
    ip("-n", space, "link", "set", device, "mtu", str(mtu), "up")


def ip(*words: str) -> None:
    """Run the program ip. Raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def narrow_network() -> Iterator[Network]:
    if sys.platform != "linux":
        pytest.skip("there are no network namespaces here")
    network = Network(f"psched-{os.getpid()}")
    try:
        network.build()
    except (OSError, PluginFailed, subprocess.SubprocessError) as error:
        network.remove()
        pytest.skip(f"network namespaces cannot be made here: {error}")
    yield network
    network.remove()
