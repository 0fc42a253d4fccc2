"""The twping tool, for latency and for rtt."""

import pathlib
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests import latency, rtt
from plugins.tools.one_way import twping
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

OUTPUT = pathlib.Path(__file__).with_name("owamp").joinpath("twping.out").read_text()


@pytest.mark.parametrize(
    ("spec", "near", "far", "expected"),
    [
        ({}, None, "192.0.2.1", "twping -R -c 100 -i 0.1 -L 0 192.0.2.1:862"),
        ({}, "2001:db8::2", "2001:db8::1", "twping -R -c 100 -i 0.1 -L 0 -S 2001:db8::2 [2001:db8::1]:862"),
        (
            {
                "packet-count": 600,
                "packet-interval": 0.01,
                "packet-timeout": 2.0,
                "packet-padding": 100,
                "ctrl-port": 8862,
                "data-ports": {"lower": 8760, "upper": 9960},
                "ip-tos": 46,
                "ip-version": 4,
                "traverse-nat": True,
            },
            "a",
            "b",
            "twping -R -D 46 -s 100 -P 8760-9960 -c 600 -i 0.01 -L 2 -4 -Z -S a b:8862",
        ),
    ],
)
def test_arguments_follow_the_spec_of_latency(
    spec: dict[str, Any], near: str | None, far: str, expected: str
) -> None:
    assert twping.argv(spec, near, far) == expected.split()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "twping -R -c 100 -i 0.1 -L 0 b:862"),
        ({"count": 5, "interval": "PT0.25S", "timeout": "PT1.5S"}, "twping -R -c 5 -i 0.25 -L 1.5 b:862"),
        ({"length": 100, "ip-tos": 8}, "twping -R -D 8 -s 94 -c 100 -i 0.1 -L 0 b:862"),
        ({"length": 41}, "twping -R -c 100 -i 0.1 -L 0 b:862"),  # as long as they are anyway
    ],
)
def test_arguments_follow_the_spec_of_rtt(spec: dict[str, Any], expected: str) -> None:
    assert twping.argv(spec, None, "b") == expected.split()


@pytest.mark.parametrize(
    ("test", "spec", "planned"),
    [
        ("latency", {}, 21),
        ("latency", {"packet-interval": 0.1, "packet-count": 600}, 71),
        ("latency", {"packet-interval": 0.1, "packet-count": 600, "packet-timeout": 1}, 72),
        ("latency", {"packet-count": 1, "packet-interval": 0.99}, 11),
        ("rtt", {}, 21),
        ("rtt", {"count": 1000, "interval": "PT1S"}, 1011),  # the time its packets take
        ("rtt", {"count": 5, "timeout": "PT2.5S"}, 14),
    ],
)
def test_plans_whole_seconds(test: str, spec: dict[str, Any], planned: int) -> None:
    assert twping.duration(test, spec) == seconds(planned)


def test_refuses_to_plan_for_ever() -> None:
    with pytest.raises(Invalid, match="century"):
        twping.duration("rtt", {"count": 10**30})


@pytest.mark.parametrize(
    ("test", "spec", "reason"),
    [
        ("latency", {"schema": 4, "protocol": "owamp"}, "owamp"),
        ("latency", {"ip-tos": 255}, "ip-tos"),
        ("rtt", {"schema": 2, "protocol": "icmp"}, "icmp"),
        ("rtt", {"schema": 4, "port": 80}, "Does not support port"),
        ("rtt", {"schema": 3, "fragment": True}, "fragmentation"),
        ("trace", {}, "Does not perform trace"),
    ],
)
def test_declines_what_it_cannot_do(
    test: str, spec: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    (found,) = twping.TOOL.reasons_against(test, {"dest": "b", **spec})

    assert reason in found


@pytest.mark.parametrize(
    ("test", "spec"),
    [
        ("latency", {"schema": 4, "protocol": "twamp", "reverse": True, "traverse-nat": True}),
        ("rtt", {"schema": 3, "protocol": "twamp", "fragment": False}),
    ],
)
def test_takes_what_it_can_do(test: str, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    assert twping.TOOL.reasons_against(test, {"dest": "b", **spec}) == []


@pytest.mark.parametrize(
    ("members", "latencies", "ttls"),
    [
        ({}, {"4.00": 2, "4.20": 1, "4.10": 1}, {"253": 4}),
        ({"reverse": True}, {"6.00": 1, "5.70": 1, "5.90": 1, "155.80": 1, "166.00": 1}, {"61": 5}),
        # From the destination it is the way back that leads from source to destination.
        ({"flip": True}, {"6.00": 1, "5.70": 1, "5.90": 1, "155.80": 1, "166.00": 1}, {"61": 5}),
        ({"flip": True, "reverse": True}, {"4.00": 2, "4.20": 1, "4.10": 1}, {"253": 4}),
    ],
)
def test_measures_the_way_asked_for(
    members: dict[str, Any], latencies: dict[str, int], ttls: dict[str, int]
) -> None:
    host = FakeHost(Completed(0, OUTPUT, ""))
    spec = {"schema": 2, "source": "192.0.2.2", "dest": "192.0.2.1", **members}

    local = twping.run(job(twping.TOOL, spec, host))
    merged = twping.TOOL.merge(spec, [local])

    assert host.slept_until == [at(2)]
    near, far = ("192.0.2.1", "192.0.2.2") if members.get("flip") else ("192.0.2.2", "192.0.2.1")
    assert host.executed == [twping.argv(spec, near, far)]
    assert merged is not None
    assert (merged["histogram-latency"], merged["histogram-ttl"]) == (latencies, ttls)
    assert merged["packets-lost"] == 1
    assert latency.TEST.result_versions.problem(merged) is None


def measure_rtt(output: str = OUTPUT, **spec: Any) -> dict[str, Any]:
    whole = {"dest": "192.0.2.1", "hostnames": False, **spec}
    local = twping.run(job(twping.TOOL, whole, FakeHost(Completed(0, output, "")), test="rtt"))
    merged = twping.TOOL.merge(whole, [local])
    assert merged is not None
    assert rtt.TEST.result_versions.problem(merged) is None
    return dict(merged)


def test_round_trips_are_of_both_ways() -> None:
    result = measure_rtt()

    del result["diags"]
    trip = {"ip": "192.0.2.1", "length": 41, "ttl": 61}
    assert result == {
        "schema": 1,
        "succeeded": True,
        "roundtrips": [
            {"seq": 1, **trip, "rtt": "PT0.0101S"},  # 4 ms there, 0.1 ms at the other end, 6 ms back
            {"seq": 2, **trip, "rtt": "PT0.01S"},
            {},
            {"seq": 5, **trip, "rtt": "PT0.01S"},
            {"seq": 4, **trip, "rtt": "PT0.16S"},
            {"seq": 5, **trip, "rtt": "PT0.1701S"},
        ],
        "sent": 5,
        "received": 4,
        "lost": 1,
        "loss": 0.2,
        "reorders": 1,
        "duplicates": 1,
        "min": "PT0.01S",
        "mean": "PT0.07204S",
        "max": "PT0.1701S",
        "stddev": "PT0.084981S",
    }


def test_one_round_trip_does_not_deviate() -> None:
    result = measure_rtt(output=OUTPUT.splitlines()[0])

    assert (result["mean"], result["stddev"]) == ("PT0.0101S", "P0D")


def test_there_are_no_statistics_of_nothing() -> None:
    result = measure_rtt(output=OUTPUT.splitlines()[2])

    assert (result["sent"], result["received"], result["loss"]) == (1, 0, 1)
    assert result["roundtrips"] == [{}]
    assert not {"min", "mean", "max", "stddev"} & set(result)


def test_a_clock_set_back_leaves_a_trip_without_a_time() -> None:
    fields = OUTPUT.splitlines()[0].split()
    fields[12] = str(int(fields[1]) - 1)  # back before it was sent

    result = measure_rtt(output=" ".join(fields))

    assert result["roundtrips"] == [{"seq": 1, "ip": "192.0.2.1", "length": 41, "ttl": 61}]
    assert (result["received"], "min" in result) == (1, False)


def test_trips_are_as_long_as_those_of_ping() -> None:
    assert measure_rtt(length=100)["roundtrips"][0]["length"] == 108


def test_host_names_are_looked_up() -> None:
    spec = {"dest": "127.0.0.1"}

    local = twping.run(job(twping.TOOL, spec, FakeHost(Completed(0, OUTPUT, "")), test="rtt"))

    assert local["roundtrips"][0].get("hostname", "localhost") == "localhost"
    assert rtt.TEST.result_versions.problem(local) is None


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        (Completed(1, "", "twping: Unable to connect\n"), "Unable to connect"),
        (Completed(2, OUTPUT, ""), "ended with status 2"),
        (Completed(0, "nothing\n", ""), "printed no packets"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        twping.run(job(twping.TOOL, {"dest": "192.0.2.1"}, FakeHost(completed)))
