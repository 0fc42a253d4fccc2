"""The umichwpa tool: its configuration, what it makes of the program's log, and the program on a wire."""

import os
import pathlib
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import PluginFailed
from plugins.tests.dot1x import TEST
from plugins.tools.link import umichwpa
from tests.builders import seconds
from tests.plugins import wires
from tests.plugins.jobs import FakeHost, job

CAPTURED = pathlib.Path(__file__).with_name("umichwpa")
WIRED = {"interface": "here", "driver": "wired", "_username": "probe", "_password": "secret"}


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        monkeypatch.setattr(os, "geteuid", lambda: 0)


def captured(name: str) -> str:
    return CAPTURED.joinpath(f"{name}.out").read_text()


def authenticate(host: Any, **changes: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    spec = {**WIRED, **changes}
    result: dict[str, Any] = umichwpa.run(job(umichwpa.TOOL, spec, host, start=host.now()))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("success", {"time": "PT2.050681S", "authenticated": True}),
        ("failure", {"time": "PT2.028423S", "authenticated": False}),
    ],
)
def test_reads_what_the_program_logged(name: str, wanted: dict[str, Any]) -> None:
    assert umichwpa.parse(captured(name)) == wanted
    assert umichwpa.is_decided(captured(name))


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (captured("none"), "Not authenticated: here: Associated with".replace("here", "sn0")),
        (captured("no_driver"), "Not authenticated: sn0: Unsupported driver 'nosuch'"),
        (captured("no_interface"), "Not authenticated: nosuch: Failed to initialize driver interface"),
        ("", "Not authenticated"),
    ],
)
def test_says_why_nothing_was_decided(output: str, said: str) -> None:
    with pytest.raises(PluginFailed) as failed:
        umichwpa.parse(output)

    assert failed.value.message.startswith(said)
    assert not umichwpa.is_decided(output)


@pytest.mark.parametrize(
    ("spec", "settings"),
    [
        (WIRED, ["ap_scan=0", "key_mgmt=IEEE8021X", "eapol_flags=0", "identity=70726f6265"]),
        (WIRED, ["password=736563726574"]),
        ({"_username": "u", "ssid": "é"}, ["ap_scan=1", "key_mgmt=WPA-EAP", "ssid=c3a9", "identity=75"]),
        ({"_password": 'pass"word', "ssid": "a"}, ["key_mgmt=WPA-PSK", 'psk="pass"word"', "ssid=61"]),
        ({"ssid": "a", "bssid": "00:00:5e:00:53:01"}, ["key_mgmt=NONE", "bssid=00:00:5e:00:53:01"]),
        ({"key-management": "WPA-EAP WPA-EAP-SHA256"}, ["key_mgmt=WPA-EAP WPA-EAP-SHA256"]),
    ],
)  # fmt: skip
def test_the_configuration(spec: dict[str, str], settings: list[str]) -> None:
    lines = [line.strip() for line in umichwpa.configuration(spec).splitlines()]

    assert set(settings) <= set(lines)


def test_nothing_in_a_spec_becomes_a_setting() -> None:
    evil = 'x"\n}\nload_dynamic_eap=/tmp/evil.so\n'

    text = umichwpa.configuration({"ssid": evil, "_username": evil, "_password": evil})

    assert "evil" not in text


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"interface": "-c/etc/x"}, "is not the name of an interface"),
        ({"driver": "wired -c x"}, '"wired -c x" is not a driver'),
        ({"bssid": "00:00"}, '"00:00" is not a bssid'),
        ({"key-management": "NONE\nx=y"}, "is not a key-management"),
        ({"interface": "a", "_username": None, "_password": "short"}, "must have 8 to 63 ASCII characters"),
        (
            {"interface": "a", "_username": None, "_password": 'longer"\n}'},
            "must have 8 to 63 ASCII characters",
        ),
    ],
)
def test_declines_what_it_cannot_tell_the_program(members: dict[str, Any], reason: str) -> None:
    spec = {name: value for name, value in {**WIRED, **members}.items() if value is not None}

    (said,) = umichwpa.declines("dot1x", spec)

    assert reason in said
    assert "short" not in said


def test_declines_without_privileges_and_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "/nowhere")

    assert umichwpa.TOOL.reasons_against("dot1x", WIRED) == [
        "The program wpa_supplicant is missing",
        "Needs to run as root, to set up interfaces",
    ]


@pytest.mark.parametrize(("spec", "wanted"), [({}, 15), ({"timeout": "PT20S"}, 25)])
def test_the_time_a_run_needs(spec: dict[str, str], wanted: float) -> None:
    assert umichwpa.TOOL.duration("dot1x", spec) == seconds(wanted)


def test_no_secret_is_on_the_command_line() -> None:
    command = umichwpa.argv(WIRED, "/folder")

    assert command == [
        *("wpa_supplicant", "-i", "here", "-D", "wired", "-c", "/folder/conf", "-f", "/folder/log", "-t")
    ]


@pytest.mark.parametrize(("name", "authenticated"), [("success", True), ("failure", False)])
def test_a_program_of_its_name_is_ended_when_it_is_decided(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, name: str, authenticated: bool
) -> None:
    program = tmp_path / "wpa_supplicant"
    program.write_text(
        f'#!/bin/sh\ngrep -q key_mgmt=IEEE8021X "$6" && cat "{CAPTURED}/{name}.out" > "$8"\nsleep 30\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    machine = Machine()
    begun = machine.now()

    result = authenticate(machine)

    assert result["authenticated"] is authenticated
    assert machine.now() - begun < seconds(9)


def test_a_program_that_comes_to_no_end_is_a_failure(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "wpa_supplicant"
    program.write_text("#!/bin/sh\nsleep 30\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    with pytest.raises(PluginFailed, match=r"^Not authenticated$"):
        authenticate(Machine(), timeout="PT0.2S")


def test_a_program_that_cannot_be_started_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="It is not there"):
        authenticate(FakeHost(PluginFailed("It is not there")))


@pytest.mark.parametrize(("password", "authenticated"), [("secret", True), ("wrong", False)])
def test_a_network_lets_the_right_ones_in(tmp_path: pathlib.Path, password: str, authenticated: bool) -> None:
    tmp_path.joinpath("users").write_text('"probe" MD5 "secret"\n')
    tmp_path.joinpath("conf").write_text(
        "interface=there\ndriver=wired\nieee8021x=1\neapol_version=2\neap_server=1\n"
        f"eap_user_file={tmp_path}/users\nuse_pae_group_addr=1\n"
    )
    with (
        wires.wire("wpa_supplicant", "hostapd") as wire,
        wire.answering("hostapd", f"{tmp_path}/conf", ready="AP-ENABLED", log=tmp_path / "log"),
    ):
        result = authenticate(wire.machine(), _password=password)

    assert result["authenticated"] is authenticated
    assert seconds(0) < parse_duration(result["time"]) < seconds(10)
