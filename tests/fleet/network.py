"""A coordinator, a client and measurement hosts, each behind a NAT of its own, with a slow router in between.

    coordinator ─┐                 ┌─ NAT ── ams
                 ├─ router ────────┼─ NAT ── ber
         client ─┘  20 ms, 1 %     └─ NAT ── cdg

All of it is made of network namespaces. The NATs let nothing in but the ports that tools measure through.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence

import pytest

DELAY, LOSS = 0.020, 0.01
COORDINATOR = "192.0.2.2"
DOMAIN = "example.org"
SITES = ("ams", "ber", "cdg")
PUBLIC = {name: f"192.0.2.{4 * number + 2}" for number, name in enumerate(SITES, 2)}
"""What the NAT of each site has towards the router: where its host is measured to."""
ROUTER = {name: f"192.0.2.{4 * number + 1}" for number, name in enumerate(SITES, 2)}
DATA_PORTS = "861, 862, 5001, 5101, 5201, 5890-5990, 8760-9960, 18760-19960, 33434-33634"
HOSTS = f"127.0.0.1 localhost\n{COORDINATOR} coordinator.{DOMAIN}\n" + "".join(
    f"{COORDINATOR} {name}.{DOMAIN}\n{PUBLIC[name]} data-{name}.{DOMAIN}\n" for name in SITES
)
NEEDED = ("ip", "tc", "nft", "ping", "traceroute", "iperf3")

_NAT = """
table ip nat {{
    chain in {{
        type nat hook prerouting priority -100; policy accept;
        iifname "up" meta l4proto {{ tcp, udp }} th dport {{ {ports} }} dnat to {host};
        iifname "up" icmp type echo-request dnat to {host};
    }}
    chain out {{
        type nat hook postrouting priority 100; policy accept;
        oifname "up" masquerade;
    }}
}}
table ip filter {{
    chain forward {{
        type filter hook forward priority 0; policy drop;
        iifname "down" accept;
        ct state established,related accept;
        ct status dnat accept;
    }}
    chain here {{
        type filter hook input priority 0; policy drop;
        iifname "down" accept;
        iifname "lo" accept;
        ct state established,related accept;
        ip protocol icmp accept;
    }}
}}
"""


@dataclasses.dataclass
class Network:
    """The namespaces, by what is in them."""

    name: str = dataclasses.field(default_factory=lambda: f"fleet-{uuid.uuid4().hex[:5]}")
    _line: "subprocess.Popen[bytes] | None" = None

    def space(self, what: str) -> str:
        return f"{self.name}-{what}"

    @property
    def spaces(self) -> list[str]:
        return ["router", "coordinator", "client", *SITES, *(f"nat-{site}" for site in SITES)]

    def inside(self, what: str, *argv: str) -> list[str]:
        """A command line that runs in a namespace, names resolving as they do there."""
        return ["ip", "netns", "exec", self.space(what), *argv]

    def build(self) -> None:
        for what in self.spaces:
            _names_of(self.space(what))
            _do("ip", "netns", "add", self.space(what))
            self._ip(what, "link", "set", "lo", "up")
            _do(*self.inside(what, "sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter"))
        for number, what in enumerate(["coordinator", "client", *(f"nat-{site}" for site in SITES)]):
            self._join(what, f"192.0.2.{4 * number + 1}", f"192.0.2.{4 * number + 2}")
        for number, site in enumerate(SITES):
            self._site(site, number)
        _do(*self.inside("router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))
        self._slow_down()

    def _join(self, what: str, router: str, end: str) -> None:
        """A link between the router and something."""
        to = _short(what)
        pair = ("type", "veth", "peer", "name", "up", "netns", self.space(what))
        _do("ip", "link", "add", to, "netns", self.space("router"), *pair)
        self._ip("router", "address", "add", f"{router}/30", "dev", to)
        self._ip("router", "link", "set", "dev", to, "up")
        self._ip(what, "address", "add", f"{end}/30", "dev", "up")
        self._ip(what, "link", "set", "dev", "up", "up")
        self._ip(what, "route", "add", "default", "via", router)

    def _site(self, site: str, number: int) -> None:
        nat, host = f"nat-{site}", f"10.77.{number}.2"
        pair = ("type", "veth", "peer", "name", "down", "netns", self.space(nat))
        _do("ip", "link", "add", "lan", "netns", self.space(site), *pair)
        self._ip(site, "address", "add", f"{host}/24", "dev", "lan")
        self._ip(site, "link", "set", "lan", "up")
        self._ip(nat, "address", "add", f"10.77.{number}.1/24", "dev", "down")
        self._ip(nat, "link", "set", "dev", "down", "up")
        self._ip(site, "route", "add", "default", "via", f"10.77.{number}.1")
        _do(*self.inside(nat, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))
        rules = _NAT.format(ports=DATA_PORTS, host=host)
        _do(*self.inside(nat, "nft", "-f", "-"), given=rules)

    def _slow_down(self) -> None:
        """Delay and lose packets in the router, by netem, or by a program where the kernel has none."""
        devices = [_short(what) for what in self.spaces if what in ("coordinator", "client") or "nat" in what]
        with contextlib.suppress(subprocess.CalledProcessError):
            for device in devices:
                how = ("netem", "delay", f"{DELAY * 1000:.0f}ms", "loss", f"{LOSS:.0%}")
                _do(*self.inside("router", "tc", "qdisc", "add", "dev", device, "root", *how))
            return
        self._slow_down_by_hand(devices)

    def _slow_down_by_hand(self, devices: Sequence[str]) -> None:
        program = str(pathlib.Path(__file__).with_name("delay_line.py"))
        command = self.inside("router", sys.executable, program, "slow", str(DELAY), str(LOSS))
        self._line = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._line.stdout is not None
        assert self._line.stdout.readline() == b"ready\n"
        self._ip("router", "link", "set", "slow", "mtu", "1500", "up")
        _do(*self.inside("router", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/slow/rp_filter"))
        self._ip("router", "route", "add", "default", "dev", "slow", "table", "77")
        for device in devices:
            self._ip("router", "rule", "add", "iif", device, "lookup", "77")

    def cut(self, what: str) -> None:
        """Take a site, or the coordinator, off the network."""
        self._ip("router", "link", "set", _short(what), "down")

    def mend(self, what: str) -> None:
        self._ip("router", "link", "set", _short(what), "up")

    def remove(self) -> None:
        if self._line is not None:
            self._line.kill()
            self._line.wait()
            if self._line.stdout:
                self._line.stdout.close()
        for what in self.spaces:
            subprocess.run(["ip", "netns", "delete", self.space(what)], capture_output=True, check=False)
            shutil.rmtree(f"/etc/netns/{self.space(what)}", ignore_errors=True)

    def _ip(self, what: str, *words: str) -> None:
        _do("ip", "-n", self.space(what), *words)


def _short(what: str) -> str:
    """The router's device towards something: names have fifteen characters at most."""
    return f"to-{what.removeprefix('nat-')[:10]}"


def _names_of(space: str) -> None:
    """What names resolve to in a namespace: ``ip netns exec`` puts it in the place of the machine's."""
    folder = pathlib.Path("/etc/netns") / space
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts").write_text(HOSTS)
    (folder / "resolv.conf").write_text(f"nameserver {COORDINATOR}\noptions timeout:1 attempts:1\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")


def _do(*argv: str, given: str | None = None) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=30, text=True, input=given)


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """The network; the test is skipped where there can be none."""
    missing = [program for program in NEEDED if not shutil.which(program)]
    if sys.platform != "linux" or os.geteuid() != 0 or missing:
        pytest.skip(f"needs Linux, root, and the programs {', '.join(NEEDED)}; missing: {', '.join(missing)}")
    made = Network()
    try:
        made.build()
    except (OSError, subprocess.SubprocessError) as error:
        made.remove()
        said = getattr(error, "stderr", "") or error
        pytest.skip(f"network namespaces with NAT cannot be made here: {said}")
    try:
        yield made
    finally:
        made.remove()
