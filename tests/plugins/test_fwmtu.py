"""The fwmtu tool, against the kernel of this machine."""

import errno
import ipaddress
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.sdk.jobs import PluginFailed
from plugins.tests.mtu import TEST
from plugins.tools.route import fwmtu
from tests.builders import at, seconds
from tests.plugins import networks
from tests.plugins.jobs import FakeHost, job
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import LOOPBACKS

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports what it knows about paths")


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        yield end.getsockname()[1]


@linux
@pytest.mark.parametrize("dest", LOOPBACKS)
def test_the_path_to_this_machine_takes_large_packets(dest: str) -> None:
    assert 1280 <= fwmtu.path_mtu(ipaddress.ip_address(dest)) <= 65536


@linux
def test_a_host_that_does_not_answer_is_waited_for_a_while(listening: int) -> None:
    begun = time.monotonic()

    found = fwmtu.path_mtu(ipaddress.ip_address("127.0.0.1"), listening, limit=0.05)

    assert found >= 1280
    assert time.monotonic() - begun >= 0.05


@linux
def test_an_address_nothing_can_be_sent_to_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*given: Any) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(fwmtu.guarded_connections, "connect", unreachable)

    with pytest.raises(PluginFailed, match=r"cannot be sent to"):
        fwmtu.path_mtu(ipaddress.ip_address("192.0.2.1"))


@linux
@pytest.mark.parametrize("extra", [{}, {"port": 33434}, {"schema": 2, "ip-version": 4}])
def test_waits_for_the_start_and_measures(extra: dict[str, Any]) -> None:
    host = FakeHost()
    spec = {"dest": "127.0.0.1", **extra}

    merged = fwmtu.TOOL.merge(spec, [fwmtu.run(job(fwmtu.TOOL, spec, host))])

    assert host.slept_until == [at(2)]
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    assert merged["mtu"] >= 1280


def test_an_address_of_another_version_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="IPv6"):
        fwmtu.run(job(fwmtu.TOOL, {"dest": "127.0.0.1", "ip-version": 6}))


def test_plans_five_seconds() -> None:
    assert fwmtu.duration("mtu", {}) == seconds(5)


def test_declines_where_the_kernel_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    assert fwmtu.needs()


@linux
@pytest.mark.parametrize("dest", [networks.FAR, networks.FAR_IPV6])
def test_learns_of_a_narrow_link_far_away(narrow_network: networks.Network, dest: str) -> None:
    code = "import ipaddress; from plugins.tools.route.fwmtu import path_mtu as mtu; "
    code += f"print(mtu(ipaddress.ip_address({dest!r})))"

    done = narrow_network.execute([sys.executable, "-c", code])

    assert done.stdout.strip() == str(networks.NARROWEST), done.stderr
