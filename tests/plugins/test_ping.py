"""The ping tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import os
import pathlib
import shutil
from random import Random
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.rtt import TEST
from plugins.tools.reach import ping, ping_programs
from plugins.tools.reach.ping_output import parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins.garbage import lines
from tests.plugins.jobs import FakeHost, job
from tests.plugins.programs import needs

CAPTURED = sorted(pathlib.Path(__file__).with_name("ping").glob("*.out"))
LOOPBACK = pathlib.Path(__file__).with_name("ping").joinpath("loopback.out").read_text()
COUNTS = {
    "duplicates": 5,
    "ipv6": 2,
    "unreachable_ipv6": 2,
    "untimed": 2,
    "busybox": 2,
    "busybox_silent": 2,
    "truncated": 2,
    "ttl_exceeded": 2,
    "macos": 4,
}
"""How many packets were asked for, where it was not three."""


def measure(spec: dict[str, Any], completed: Completed) -> dict[str, Any]:
    return ping.run(job(ping.TOOL, {"hostnames": False, "dest": "127.0.0.1", **spec}, FakeHost(completed)))


@pytest.mark.parametrize("output", CAPTURED, ids=lambda path: path.stem)
def test_reads_what_the_program_printed(output: pathlib.Path) -> None:
    parsed = parse(output.read_text(), COUNTS.get(output.stem, 3))

    assert parsed == json.loads(output.with_suffix(".json").read_text())
    assert TEST.result_versions.problem({"schema": 1, "succeeded": True, **parsed}) is None


def test_there_is_captured_output() -> None:
    assert len(CAPTURED) == 14


def test_ignores_replies_to_more_than_was_asked_for() -> None:
    parsed = parse(LOOPBACK, 2)

    assert [trip["seq"] for trip in parsed["roundtrips"]] == [1, 2]


def test_sequence_numbers_go_on_after_the_sixteenth_bit() -> None:
    lines = [f"64 bytes from ::1: icmp_seq={seq} ttl=64 time=0.1 ms" for seq in (65534, 65535, 0, 1, 2)]
    counters = "65538 packets transmitted, 5 received, 99% packet loss, time 9ms"

    parsed = parse("\n".join([*lines, counters]), 65538)

    heard = [trip["seq"] for trip in parsed["roundtrips"] if trip]
    assert heard == [65534, 65535, 65536, 65537, 65538]
    assert parsed["duplicates"] == parsed["reorders"] == 0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Destination Net Unreachable", "net-unreachable"),
        ("Destination Net Unreachable for Type of Service", "network-unreachable-for-type-of-service"),
        ("Destination Port Unreachable", "port-unreachable"),
        ("Frag needed and DF set (mtu = 1400)", "fragmentation-needed-and-df-set"),
        ("Packet filtered", "communication-administratively-prohibited"),
        ("Destination unreachable: No route", "net-unreachable"),
        ("Time to live exceeded", None),  # no name in the dictionary of types
    ],
)
def test_names_icmp_errors(text: str, name: str | None) -> None:
    output = (
        f"From 192.0.2.9 icmp_seq=1 {text}\n\n1 packets transmitted, 0 received, +1 errors, 100% packet loss"
    )

    (trip,) = parse(output, 1)["roundtrips"]

    assert trip.get("error") == name
    assert trip["ip"] == "192.0.2.9"


@pytest.mark.parametrize("output", ["", "PING", "0 packets transmitted, 0 received, time 0ms"])
def test_output_without_figures_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed):
        parse(output, 5)


LINES = [*LOOPBACK.splitlines(), *CAPTURED[1].read_text().splitlines()]


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    _is_read_or_refused(lines(chance, LINES), chance.randint(1, chance.choice([9, 70000])))


@pytest.mark.parametrize(
    ("output", "count"),
    [
        ("64 bytes from 1.2.3.999: icmp_seq=1\n1 packets transmitted, 1 received, 0% packet loss", 1),
        ("9" * 18 + " packets transmitted, 0 received, 100% packet loss", 7),
        ("٣ packets transmitted, ٣ received, 0% packet loss", 3),
    ],
)
def test_output_that_is_almost_right_is_read_or_refused(output: str, count: int) -> None:
    _is_read_or_refused(output, count)


def _is_read_or_refused(output: str, count: int) -> None:
    try:
        parsed = parse(output, count)
    except PluginFailed:
        return
    assert TEST.result_versions.problem({"schema": 1, "succeeded": True, **parsed}) is None


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "ping -4 -n -c 5 -i 1 -W 1"),
        ({"count": 3, "interval": "PT0.2S", "timeout": "PT0.75S"}, "ping -4 -n -c 3 -i 0.2 -W 0.75"),
        ({"suppress-loopback": True, "ttl": 3}, "ping -4 -n -L -c 5 -i 1 -t 3 -W 1"),
        ({"fragment": True}, "ping -4 -n -c 5 -M want -i 1 -W 1"),
        ({"fragment": False, "length": 100, "ip-tos": 0}, "ping -4 -n -c 5 -M do -i 1 -Q 0 -s 100 -W 1"),
        ({"deadline": "PT4.5S"}, "ping -4 -n -c 5 -i 1 -w 5 -W 1"),  # whole seconds are all it takes
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    assert ping.argv(spec, "192.0.2.1", 4, program=ping_programs.IPUTILS) == [*expected.split(), "192.0.2.1"]


def test_arguments_of_ipv6() -> None:
    arguments = ping.argv({"flow-label": 7, "ip-version": 6}, "::1", 6, "::2", ping_programs.IPUTILS)

    assert " ".join(arguments) == "ping -6 -n -c 5 -F 7 -i 1 -I ::2 -W 1 ::1"


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 10),
        ({"hostnames": False}, 8),
        ({"count": 10, "interval": "PT0.5S", "timeout": "PT3S"}, 4.5 + 3 + 1 + 2 + 1),
        ({"deadline": "PT20S", "count": 1000}, 20 + 1 + 2 + 1),
        # Each packet goes some milliseconds late.
        ({"count": 800, "interval": "PT0.02S", "hostnames": False}, 799 * 0.02 + 2 + 800 * 0.03 + 1),
    ],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: float) -> None:
    assert ping.duration("rtt", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"flow-label": 1}, "ip-version 6"),
        ({"schema": 2, "protocol": "twamp"}, "twamp"),
        ({"schema": 4, "port": 80}, "ports"),
        ({"interval": "PT0.001S"}, "privileges"),
    ],
)
def test_declines_what_it_cannot_do(spec: dict[str, Any], reason: str) -> None:
    found = "".join(ping.declines("rtt", spec) + ping.refusals(spec, ping_programs.IPUTILS))

    assert reason in found


ALL = {
    "count": 3,
    "interval": "PT0.5S",
    "length": 100,
    "ttl": 9,
    "ip-tos": 8,
    "timeout": "PT1.2S",
    "deadline": "PT4.5S",
    "fragment": False,
    "suppress-loopback": True,
}


@pytest.mark.parametrize(
    ("program", "lacking", "expected"),
    [
        (ping_programs.IPUTILS, (), "ping -4 -n -L -c 3 -M do -i 0.5 -I here -Q 8 -s 100 -t 9 -w 5 -W 1.2"),
        (
            ping_programs.BUSYBOX,
            ("fragment", "ip-tos", "suppress-loopback"),
            "ping -4 -n -c 3 -i 0.5 -s 100 -I here -t 9 -w 5 -W 2",
        ),
        (
            ping_programs.INETUTILS,
            ("fragment", "suppress-loopback"),
            "ping -n -c 3 -i 0.5 -s 100 -T 8 --ttl=9 -w 5 -W 2",
        ),
        (ping_programs.BSD, (), "ping -n -L -c 3 -i 0.5 -s 100 -D -S here -z 8 -m 9 -t 5 -W 1200"),
    ],
    ids=lambda value: value.name if isinstance(value, ping_programs.Program) else None,
)
def test_each_program_of_the_name_is_told_in_its_own_words(
    program: ping_programs.Program, lacking: tuple[str, ...], expected: str
) -> None:
    reasons = ping.refusals({"dest": "192.0.2.1", **ALL}, program)
    source = "here" if "source" in program.options else None
    known = {name: value for name, value in ALL.items() if name not in lacking}

    assert reasons == [
        f"The ping of {program.name} has no {name}" for name in sorted(lacking, key=list(ping.OPTIONAL).index)
    ]
    assert ping.argv(known, "192.0.2.1", 4, source, program) == [*expected.split(), "192.0.2.1"]


@pytest.mark.parametrize(
    ("spec", "reasons"),
    [
        ({"ip-version": 6}, ["The ping of GNU inetutils has no ip-version 6"]),
        ({"source": "192.0.2.2"}, ["The ping of GNU inetutils has no source"]),
        ({"ip-version": 4, "count": 2, "length": 64}, []),
    ],
)
def test_declines_what_the_program_here_cannot_be_asked_for(spec: dict[str, Any], reasons: list[str]) -> None:
    assert ping.refusals({"dest": "a", **spec}, ping_programs.INETUTILS) == reasons


@pytest.mark.parametrize(
    ("content", "platform", "program"),
    [
        (b"\x7fELF ping from %s %s\0iputils 20221126", "linux", ping_programs.IPUTILS),
        (b"BusyBox v1.35.0 (Debian) iputils", "linux", ping_programs.BUSYBOX),  # it names others in its help
        (b"ping (GNU inetutils) 2.4", "linux", ping_programs.INETUTILS),
        (b"", "darwin", ping_programs.BSD),
        (b"", "freebsd14", ping_programs.BSD),
        (b"#!/bin/sh\nexec /opt/ping", "linux", ping_programs.IPUTILS),
    ],
)
def test_tells_the_programs_apart(content: bytes, platform: str, program: ping_programs.Program) -> None:
    assert ping_programs.told_by(content, platform) is program


def test_a_warning_is_no_failure() -> None:
    silent = pathlib.Path(__file__).with_name("ping").joinpath("total_loss.out").read_text()

    result = measure({"count": 3}, Completed(1, silent, "ping: Warning: time of day goes back\n"))["result"]

    assert result["loss"] == 1


@needs("busybox", "ping", "-c", "1", "-W", "1", "127.0.0.1")
def test_pings_this_machine_with_busybox(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "ping").symlink_to(shutil.which("busybox") or "")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    spec = {"dest": "127.0.0.1", "source": "127.0.0.1", "count": 3, "interval": "PT0.1S", "ttl": 7}
    machine = Machine()

    local = ping.run(job(ping.TOOL, spec, machine, start=machine.now()))

    result = local["result"]
    assert ping_programs.installed() is ping_programs.BUSYBOX
    assert (result["sent"], result["received"], result["loss"]) == (3, 3, 0)
    assert [trip["seq"] for trip in result["roundtrips"]] == [1, 2, 3]
    assert {"min", "mean", "max", "stddev"} <= set(result)


def test_takes_flow_labels_with_ipv6_and_short_intervals() -> None:
    spec = {"dest": "::1", "flow-label": 1, "ip-version": 6, "interval": "PT0.002S", "protocol": "icmp"}

    assert ping.TOOL.declines("rtt", spec) == []


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, LOOPBACK, ""))
    spec = {"dest": "127.0.0.1", "count": 3, "hostnames": False}

    local = ping.run(job(ping.TOOL, spec, host))
    merged = ping.merge(spec, [local])

    assert host.slept_until == [at(2)]
    assert host.executed == [ping.argv(spec, "127.0.0.1", 4)]
    assert merged is not None
    assert (merged["succeeded"], merged["received"], merged["loss"]) == (True, 3, 0)
    assert TEST.result_versions.problem(merged) is None


def test_silence_is_a_measurement() -> None:
    silent = pathlib.Path(__file__).with_name("ping").joinpath("total_loss.out").read_text()

    result = measure({"count": 3}, Completed(1, silent, ""))["result"]

    assert (result["loss"], result["roundtrips"]) == (1, [{}, {}, {}])


@pytest.mark.parametrize(
    "completed",
    [
        Completed(2, "", "ping: connect: Network is unreachable\n"),
        Completed(0, "", ""),
        Completed(1, LOOPBACK, "ping: local error: message too long, mtu=1500\n"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed) -> None:
    with pytest.raises(PluginFailed) as failed:
        measure({}, completed)

    assert failed.value.message
    assert failed.value.diags.startswith("ping -4 -n")


def test_a_host_without_an_address_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"nowhere\.invalid"):
        measure({"dest": "nowhere.invalid"}, Completed(0, LOOPBACK, ""))


def test_a_host_without_an_address_of_the_version_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="IPv6"):
        measure({"ip-version": 6}, Completed(0, LOOPBACK, ""))


def test_merges_a_failure_to_nothing() -> None:
    assert ping.merge({}, [{"succeeded": False, "error": "x", "diags": ""}]) is None


@pytest.mark.skipif(not shutil.which("ping"), reason="the program ping is not here")
def test_pings_this_machine() -> None:
    spec = {"dest": "127.0.0.1", "source": "127.0.0.1", "count": 3, "interval": "PT0.01S", "length": 200}
    machine = Machine()

    local = ping.run(job(ping.TOOL, spec, machine, start=machine.now()))

    result = local["result"]
    assert (result["sent"], result["received"], result["loss"]) == (3, 3, 0)
    assert [trip["length"] for trip in result["roundtrips"]] == [208] * 3
    assert seconds(0) < parse_duration(result["min"]) <= parse_duration(result["max"]) < seconds(1)
