"""The halfping tool, on recorded output and on the program itself."""

import pathlib
import shutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.errors import Invalid
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.latency import TEST
from plugins.tools.one_way import halfping
from plugins.tools.one_way.packet_summary import summary
from plugins.tools.reach import ping_programs
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

OUTPUT = """\
PING 192.0.2.1 (192.0.2.1) from 192.0.2.2 : 56(84) bytes of data.
64 bytes from 192.0.2.1: icmp_seq=1 ttl=64 time=1.88 ms
64 bytes from 192.0.2.1: icmp_seq=3 ttl=64 time=0.047 ms
64 bytes from 192.0.2.1: icmp_seq=2 ttl=63 time=0.041 ms
64 bytes from 192.0.2.1: icmp_seq=2 ttl=64 time=9.00 ms (DUP!)
From 192.0.2.254 icmp_seq=4 Destination Host Unreachable

--- 192.0.2.1 ping statistics ---
5 packets transmitted, 3 received, +1 duplicates, +1 errors, 40% packet loss, time 4004ms
rtt min/avg/max/mdev = 0.041/2.742/9.000/3.689 ms
"""


@pytest.mark.parametrize(
    ("spec", "near", "far", "expected"),
    [
        ({}, None, "192.0.2.1", "ping -4 -n -c 5 -i 1 -W 2 192.0.2.1"),
        ({}, "2001:db8::2", "2001:db8::1", "ping -6 -n -c 5 -i 1 -I 2001:db8::2 -W 2 2001:db8::1"),
        (
            {
                "packet-count": 20.0,
                "packet-interval": 0.25,
                "packet-timeout": 3.0,
                "packet-padding": 100,
                "ip-tos": 184,
            },
            None,
            "192.0.2.1",
            "ping -4 -n -c 20 -i 0.25 -Q 184 -s 156 -W 3 192.0.2.1",
        ),
        ({"packet-timeout": 0, "packet-padding": 0}, None, "a", "ping -4 -n -c 5 -i 1 -s 56 -W 2 a"),
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], near: str | None, far: str, expected: str) -> None:
    assert halfping.argv(spec, near, far, ping_programs.IPUTILS) == expected.split()


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 9),
        ({"packet-count": 20}, 24),  # as the reference planned
        ({"packet-count": 1}, 5),
        ({"packet-count": 11, "packet-interval": 0.25}, 7.5),
        ({"packet-timeout": 1}, 9),
        ({"packet-timeout": 10}, 17),  # the program waits that long for the last packet
    ],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: float) -> None:
    assert halfping.duration("latency", spec) == seconds(planned)


@pytest.mark.parametrize("count", [1, 3, 100, 5000])
def test_a_silent_host_is_measured_within_the_time_planned(count: int) -> None:
    spec = {"packet-count": count, "packet-interval": 0.5}
    argv = halfping.argv(spec, None, "192.0.2.1", ping_programs.IPUTILS)

    # Each packet may go a little late, and the program waits for the last as long as it is told.
    taken = (count - 1) * 0.525 + float(argv[argv.index("-W") + 1])

    assert seconds(taken) < halfping.duration("latency", spec)


def test_replies_that_are_cut_short_are_not_taken_for_losses() -> None:
    truncated = pathlib.Path(__file__).with_name("ping").joinpath("truncated.out").read_text()

    with pytest.raises(PluginFailed, match="truncated"):
        halfping.parse(truncated, 2)


def test_refuses_to_plan_for_ever() -> None:
    with pytest.raises(Invalid, match="century"):
        halfping.duration("latency", {"packet-interval": 1e308})


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"schema": 4, "protocol": "owamp"}, "owamp"),
        ({"packet-interval": 0.001}, "privileges"),
        ({"source": "a", "flip": True}, "flip"),
        ({"output-raw": True}, "output-raw"),
        ({"ctrl-port": 861}, "ctrl-port"),
        ({"data-ports": {"lower": 1, "upper": 2}}, "data-ports"),
        ({"schema": 2, "reverse": True}, "reverse"),
    ],
)
def test_declines_what_it_cannot_do(
    spec: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    (found,) = halfping.TOOL.reasons_against("latency", {"dest": "a", **spec})

    assert reason in found


def test_takes_all_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    spec = {
        "schema": 4,
        "source": "a",
        "source-node": "b",
        "dest": "c",
        "dest-node": "d",
        "protocol": "icmp",
        "packet-count": 5,
        "packet-interval": 0.002,
        "packet-timeout": 1,
        "packet-padding": 1,
        "ip-tos": 255,
        "ip-version": 4,
        "bucket-width": 0.01,
    }

    assert halfping.TOOL.reasons_against("latency", spec) == []


def test_packets_took_half_of_each_round_trip() -> None:
    found = summary(halfping.parse(OUTPUT, 5))

    assert found == {
        "packets-sent": 5,
        "packets-received": 3,
        "packets-lost": 2,
        "packets-duplicated": 1,
        "packets-reordered": 1,
        "histogram-latency": {"0.94": 1, "0.02": 2},
        "histogram-ttl": {"64": 2, "63": 1},
    }


def measure(completed: Completed, **spec: Any) -> dict[str, Any]:
    whole = {"dest": "192.0.2.1", **spec}
    local = halfping.run(job(halfping.TOOL, whole, FakeHost(completed)))
    merged = halfping.TOOL.merge(whole, [local])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


def test_buckets_are_as_wide_as_the_spec_says() -> None:
    assert measure(Completed(0, OUTPUT, ""), **{"bucket-width": 0.0001})["histogram-latency"] == {
        "9.40": 1,
        "0.24": 1,  # 0.0235 ms, in tenths
        "0.20": 1,
    }


def test_waits_for_the_start() -> None:
    host = FakeHost(Completed(0, OUTPUT, ""))

    halfping.run(job(halfping.TOOL, {"dest": "192.0.2.1"}, host))

    assert host.slept_until == [at(2)]
    assert host.executed == [halfping.argv({}, None, "192.0.2.1")]


def test_silence_is_a_measurement() -> None:
    silent = pathlib.Path(__file__).with_name("ping").joinpath("total_loss.out").read_text()

    result = measure(Completed(1, silent, ""), **{"packet-count": 3})

    assert (result["packets-sent"], result["packets-lost"]) == (3, 3)
    assert (result["histogram-latency"], result["histogram-ttl"]) == ({}, {})


@pytest.mark.parametrize(
    "completed",
    [
        Completed(2, "", "ping: connect: Network is unreachable\n"),
        Completed(2, OUTPUT, ""),
        Completed(0, "", ""),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed) -> None:
    with pytest.raises(PluginFailed) as failed:
        measure(completed)

    assert failed.value.message
    assert failed.value.diags.startswith("ping -4 -n")


LINES = st.sampled_from(
    [*OUTPUT.splitlines(), "64 bytes from ::1: icmp_seq=0 time=1 ms", "0 packets transmitted"]
)


@given(st.lists(LINES | st.text(max_size=20)).map("\n".join), st.integers(1, 10))
def test_any_output_is_packets_or_a_failure(output: str, count: int) -> None:
    try:
        packets = halfping.parse(output, count)
    except PluginFailed:
        return  # any other error fails this test

    assert TEST.result_versions.problem({"succeeded": True, **summary(packets)}) is None


@pytest.mark.skipif(shutil.which("ping") is None, reason="the program ping is missing")
def test_measures_to_this_machine() -> None:
    machine = Machine()
    spec = {
        "source": "127.0.0.1",
        "dest": "127.0.0.1",
        "packet-count": 4,
        "packet-interval": 0.01,
        "packet-padding": 100,
    }

    local = halfping.run(job(halfping.TOOL, spec, machine, start=machine.now()))

    merged = halfping.TOOL.merge(spec, [local])
    assert merged is not None
    assert (merged["packets-sent"], merged["packets-received"], merged["packets-lost"]) == (4, 4, 0)
    assert sum(merged["histogram-latency"].values()) == sum(merged["histogram-ttl"].values()) == 4
    assert "164 bytes from 127.0.0.1" in local["diags"]
    assert TEST.result_versions.problem(merged) is None
