"""The bssidscanner tool: what it makes of the output of iwlist, and a program of that name."""

import pathlib
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Cancelled, Completed, PluginFailed
from plugins.tests.wifibssid import TEST
from plugins.tools.link import bssidscanner
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

CELLS = pathlib.Path(__file__).with_name("bssidscanner").joinpath("cells.out").read_text()
SPEC = {"interface": "wlan0", "ssid": "eduroam"}
FIRST = "00:00:5E:00:53:01"


def scan(host: Any, **changes: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    spec = {**SPEC, **changes}
    result: dict[str, Any] = bssidscanner.run(job(bssidscanner.TOOL, spec, host, start=host.now()))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


def test_reads_what_the_program_printed() -> None:
    first, second, third = bssidscanner.parse(CELLS)  # there is too little about the fourth

    assert first == {
        "ssid": "eduroam",
        "address": FIRST,
        "mode": "Master",
        "signal": -52,
        "frequency": 2_437_000_000,
        "quality": pytest.approx(58 / 70),
        "bitrates": [1e6, 2e6, 5.5e6, 11e6, 9e6, 18e6, 36e6, 54e6, 6e6, 12e6, 24e6, 48e6],
        "encrypted": True,
        "channel": 6,
    }
    assert (second["ssid"], second["signal"], second["quality"]) == ("guests, café", 35, 0.4)
    assert (second["encrypted"], second["channel"]) == (False, 36)
    assert (third["signal"], third["channel"], third["bitrates"]) == (-80, 1, [])


@pytest.mark.parametrize(
    ("megahertz", "channel"),
    [(2412, 1), (2437, 6), (2472, 13), (2484, 14), (5180, 36), (5825, 165), (5955, 1), (6415, 93)],
)
def test_a_frequency_has_a_channel(megahertz: int, channel: int) -> None:
    text = CELLS.replace("Channel:6\n", "").replace("2.437 GHz (Channel 6)", f"{megahertz / 1000} GHz")

    assert bssidscanner.parse(text)[0]["channel"] == channel


@pytest.mark.parametrize(
    ("ssid", "addresses"),
    [("eduroam", [1, 3]), ("eduroam,guests, café", [1, 3]), ("guests", []), ("", []), ("x,eduroam", [1, 3])],
)
def test_keeps_the_networks_asked_for(ssid: str, addresses: list[int]) -> None:
    result = scan(FakeHost(Completed(0, CELLS, "")), ssid=ssid)

    assert [int(heard["address"][-1]) for heard in result["ssid_list"]] == addresses


def test_scans_again_and_again_while_it_listens() -> None:
    host = FakeHost(Completed(0, CELLS, ""))

    bssidscanner.run(job(bssidscanner.TOOL, {**SPEC, "duration": "PT3S"}, host))

    assert host.slept_until == [at(2), at(3), at(4)]
    assert host.executed == [["iwlist", "wlan0", "scan"]] * 3


def test_hears_what_any_of_the_scans_heard() -> None:
    class Changing(FakeHost):
        def execute(self, argv: Any, *more: Any, **named: Any) -> Completed:
            self.completes = Completed(0, CELLS if len(self.executed) == 1 else "x Scan completed :\n", "")
            return super().execute(argv, *more, **named)

    assert len(scan(Changing())["ssid_list"]) == 2


@pytest.mark.parametrize(("error", "ends"), [(PluginFailed("It is busy"), False), (Cancelled("Over"), True)])
def test_a_later_scan_may_fail_but_not_be_cancelled(error: PluginFailed, ends: bool) -> None:
    class Failing(FakeHost):
        def execute(self, argv: Any, *more: Any, **named: Any) -> Completed:
            if self.executed:
                raise error
            return super().execute(argv, *more, **named)

    host = Failing(Completed(0, CELLS, ""))

    if ends:
        with pytest.raises(Cancelled):
            scan(host)
    else:
        assert len(scan(host)["ssid_list"]) == 2


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        (
            Completed(255, "", "lo        Interface doesn't support scanning.\n\n"),
            "^lo Interface doesn't support",
        ),
        (
            Completed(0, "", "wlan0  Interface doesn't support scanning : Network is down\n"),
            "Network is down$",
        ),
        (Completed(1, "", ""), "iwlist ended with status 1"),
    ],
)
def test_an_interface_that_cannot_scan_is_a_failure(completed: Completed, said: str) -> None:
    with pytest.raises(PluginFailed, match=said):
        scan(FakeHost(completed))


def test_hearing_nobody_is_a_result() -> None:
    assert scan(FakeHost(Completed(0, "wlan0     No scan results\n", "")))["ssid_list"] == []


def test_a_program_of_its_name_is_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, output = tmp_path / "iwlist", tmp_path / "cells"
    output.write_text(CELLS)
    program.write_text(f'#!/bin/sh\n[ "$*" = "wlan0 scan" ] && cat "{output}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert bssidscanner.TOOL.reasons_against("wifibssid", SPEC) == []

    assert scan(Machine(), duration="PT0.1S")["ssid_list"][0]["address"] == FIRST


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"interface": "--version"}, '"--version" is not the name of an interface'),
        ({"duration": "PT11S"}, "Cannot listen for longer than the timeout"),
        ({"duration": "PT3S", "timeout": "PT2S"}, "Cannot listen for longer than the timeout"),
    ],
)
def test_declines_what_it_cannot_do(members: dict[str, str], reason: str) -> None:
    assert bssidscanner.declines("wifibssid", {**SPEC, **members}) == [reason]


def test_declines_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert bssidscanner.TOOL.reasons_against("wifibssid", SPEC) == ["The program iwlist is missing"]


@pytest.mark.parametrize(("members", "wanted"), [({}, 12), ({"timeout": "PT3S"}, 5)])
def test_the_time_a_run_needs(members: dict[str, str], wanted: float) -> None:
    assert bssidscanner.TOOL.duration("wifibssid", members) == seconds(wanted)
