"""The context linuxvrf: with a real VRF where the kernel has them, its binding with any interface."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.contexts import linuxvrf
from plugins.contexts.linuxvrf import CONTEXT
from plugins.sdk.jobs import PluginFailed
from plugins.support import device_binding, host_lookup
from plugins.tools.reach import ping
from tests.plugins.jobs import job
from tests.plugins.networks import ip

INSIDE = "192.0.2.78"
PROGRAM = "import socket; print(socket.socket().getsockopt(1, 25, 16).rstrip(bytes(1)).decode())"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="VRFs are Linux's")


def interface_of_a_new_socket() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        found: bytes = made.getsockopt(socket.SOL_SOCKET, 25, 16)  # SO_BINDTODEVICE
    return found.rstrip(b"\0").decode()


def group() -> str:
    return pathlib.Path("/proc/thread-self/cgroup").read_text()


@pytest.fixture
def binding() -> None:
    """Skips where the machine does not let sockets be bound this way."""
    try:
        with device_binding.bound(socket.if_nametoindex("lo")):
            pass
    except (OSError, AttributeError) as error:
        pytest.skip(f"this machine does not bind sockets by control group: {error}")


@pytest.fixture
def vrf() -> Iterator[str]:
    name = f"t{uuid.uuid4().hex[:8]}"
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("making a VRF needs the program ip, and root")
    try:
        ip("link", "add", name, "type", "vrf", "table", "177")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the kernel has no VRFs: {error.stderr.decode().strip()}")
    ip("link", "set", name, "up")
    ip("address", "add", f"{INSIDE}/32", "dev", name)
    yield name
    ip("link", "delete", name)


@pytest.mark.usefixtures("binding")
def test_sockets_of_the_thread_and_what_it_starts_are_bound_and_no_longer_afterwards() -> None:
    before = group()

    with device_binding.bound(socket.if_nametoindex("lo")):
        own = interface_of_a_new_socket()
        its_thread = host_lookup.limited(5, interface_of_a_new_socket)
        its_program = Machine().execute([sys.executable, "-c", PROGRAM], timeout=20).stdout.strip()

    assert own == its_thread == its_program == "lo"
    assert interface_of_a_new_socket() == ""
    assert group() == before


@pytest.mark.usefixtures("binding")
def test_the_last_of_two_bindings_holds() -> None:
    with device_binding.bound(0), device_binding.bound(socket.if_nametoindex("lo")):
        assert interface_of_a_new_socket() == "lo"


@pytest.mark.usefixtures("binding")
def test_the_group_is_gone_after_a_failure() -> None:
    groups = _groups()

    with pytest.raises(ZeroDivisionError), device_binding.bound(socket.if_nametoindex("lo")):
        raise ZeroDivisionError

    assert _groups() == groups


def _groups() -> list[pathlib.Path]:
    return sorted(device_binding._own_group().glob("pscheduler-*"))


@pytest.mark.usefixtures("binding")
@pytest.mark.skipif(not shutil.which("ping"), reason="there is no program ping here")
def test_rtt_is_measured_inside(vrf: str) -> None:
    spec = {"dest": INSIDE, "count": 1, "hostnames": False}
    machine = Machine()

    with CONTEXT.enter({"vrf": vrf}):
        assert interface_of_a_new_socket() == vrf
        measured = ping.run(job(ping.TOOL, spec, machine, start=machine.now()))["result"]

    assert measured["received"] == 1


@pytest.mark.parametrize("name", ["no-such-vrf", "lo", "a" * 300])
def test_a_vrf_that_cannot_be_entered_says_why(name: str) -> None:
    said = f"The VRF {name} cannot be entered: ."

    with pytest.raises(PluginFailed, match=said), CONTEXT.enter({"vrf": name}):
        pytest.fail("it was entered")


def test_an_interface_of_another_kind_is_told() -> None:
    assert linuxvrf.driver("lo") == ""
    with pytest.raises(OSError, match="another kind"):
        linuxvrf.vrf("lo")


def test_the_program_for_the_kernel_names_the_interface() -> None:
    code = device_binding.program(0x01020304)

    assert len(code) == 4 * 8
    assert code[4:8] == (0x01020304).to_bytes(4, sys.byteorder)


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"vrf": "blue"}, True),
        ({"schema": 1, "vrf": "blue"}, True),
        ({"vrf": "a/b"}, False),
        ({"namespace": "blue"}, False),
        ({}, False),
    ],
)
def test_data_is_a_name(data: dict[str, object], valid: bool) -> None:
    assert (CONTEXT.data_versions.problem(data) is None) is valid
