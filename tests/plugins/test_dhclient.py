"""The dhclient tool: what it makes of the program's output, and the program on a wire of its own."""

import contextlib
import os
import pathlib
import signal
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from plugins.sdk.jobs import Cancelled, Completed, PluginFailed
from plugins.tests.dhcp import TEST
from plugins.tools.link import dhclient
from tests.builders import at, seconds
from tests.plugins import wires
from tests.plugins.jobs import FakeHost, job

CAPTURED = pathlib.Path(__file__).with_name("dhclient")
LEASE = CAPTURED.joinpath("lease.out").read_text()


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def lease(host: Any, **spec: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    result: dict[str, Any] = dhclient.run(job(dhclient.TOOL, spec, host, start=host.now()))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


@pytest.mark.parametrize("name", ["lease", "renewed"])
def test_reads_the_address(name: str) -> None:
    assert dhclient.parse(CAPTURED.joinpath(f"{name}.out").read_text()) == "198.51.100.54"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (CAPTURED.joinpath("none.out").read_text(), "^No DHCPOFFERS received.$"),
        (
            CAPTURED.joinpath("no_interface.out").read_text(),
            "^Failed to get interface index: No such device$",
        ),
        ("", "No lease was obtained"),
    ],
)
def test_says_why_there_is_no_lease(output: str, said: str) -> None:
    with pytest.raises(PluginFailed, match=said) as failed:
        dhclient.parse(output)

    assert failed.value.diags == output


def test_gives_the_lease_back_before_it_asks_for_one() -> None:
    host = FakeHost(Completed(0, "", LEASE))

    dhclient.run(job(dhclient.TOOL, {"interface": "eth1"}, host))

    assert host.slept_until == [at(2)]
    assert host.executed == [["dhclient", "-r", "-v", "-1", "eth1"], ["dhclient", "-v", "-1", "eth1"]]


def test_takes_any_interface_where_none_is_named() -> None:
    host = FakeHost(Completed(0, "", LEASE))

    result = lease(host)

    assert host.executed[1] == ["dhclient", "-v", "-1"]
    assert result["ip_address"] == "198.51.100.54"


@pytest.mark.parametrize("error", [PluginFailed("It took too long"), Cancelled("The run was cancelled")])
def test_a_program_that_takes_too_long_is_a_failure(error: PluginFailed) -> None:
    with pytest.raises(type(error)):
        lease(FakeHost(error))


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    "interface", ["-sf", "", "a b", "eth0;x", "0123456789abcdef", ["eth0"], 5, None, "é"]
)
def test_declines_what_is_no_interface(interface: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = dhclient.declines("dhcp", {"interface": interface})

    assert [reason.endswith("is not the name of an interface") for reason in reasons] == [True]


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("interface", ["eth0", "wlp3s0", "eth0.100", "br-lan", "eth0:1"])
def test_takes_interfaces(interface: str) -> None:
    assert dhclient.declines("dhcp", {"interface": interface}) == []


def test_declines_without_privileges_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "/nowhere")

    assert dhclient.TOOL.reasons_against("dhcp", {}) == [
        "The program dhclient is missing",
        "Needs to run as root, to set up interfaces",
    ]


@pytest.mark.parametrize(("spec", "wanted"), [({}, 27), ({"timeout": "PT8S"}, 15)])
def test_the_time_a_run_needs(spec: dict[str, str], wanted: float) -> None:
    assert dhclient.TOOL.duration("dhcp", spec) == seconds(wanted)


def test_a_program_of_its_name_is_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.infrastructure.machine import Machine

    program = tmp_path / "dhclient"
    program.write_text(f'#!/bin/sh\n[ "$1" = -r ] && exit 1\ncat "{CAPTURED}/lease.out" >&2\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    result = lease(Machine(), interface="eth1")

    assert result["ip_address"] == "198.51.100.54"
    assert seconds(0) < parse_duration(result["time"]) < seconds(20)


def test_gets_a_lease_from_a_server(tmp_path: pathlib.Path) -> None:
    # The script must not touch this machine's own settings.
    options = ["-sf", "/bin/true", "-lf", f"{tmp_path}/leases", "-pf", f"{tmp_path}/pid"]
    server = [
        *(
            "dnsmasq",
            "--no-daemon",
            "--port=0",
            "--interface=there",
            "--bind-interfaces",
            "--conf-file=/dev/null",
        ),
        *("--dhcp-range=198.51.100.50,198.51.100.59,2m", f"--dhcp-leasefile={tmp_path}/given"),
        f"--pid-file={tmp_path}/server",
    ]
    with (
        wires.wire("dhclient", "dnsmasq") as wire,
        wire.answering(*server, ready="DHCP, IP range", log=tmp_path / "log"),
        contextlib.ExitStack() as afterwards,
    ):
        afterwards.callback(_end_daemon, tmp_path / "pid")
        result = lease(wire.machine(*options), interface="here")

    assert result["ip_address"].startswith("198.51.100.5")
    assert seconds(0) < parse_duration(result["time"]) < seconds(20)


def _end_daemon(pid_file: pathlib.Path) -> None:
    """The program goes on in the background, renewing the lease."""
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
