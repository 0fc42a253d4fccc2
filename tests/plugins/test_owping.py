"""The owping tool: its arguments, its plans, and what it makes of the program's output."""

import pathlib
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.latency import TEST
from plugins.tools.one_way import owping
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

OUTPUT = pathlib.Path(__file__).with_name("owamp").joinpath("owping.out").read_text()


@pytest.mark.parametrize(
    ("spec", "near", "expected"),
    [
        ({}, None, "owping -R -c 100 -i 0.1 -L 0 -t [b]:861"),
        ({"source": "a"}, "a", "owping -R -c 100 -i 0.1 -L 0 -t -S a [b]:861"),
        ({"flip": True}, "a", "owping -R -c 100 -i 0.1 -L 0 -f -S a [b]:861"),
        ({"flip": False}, "a", "owping -R -c 100 -i 0.1 -L 0 -t -S a [b]:861"),
        (
            {
                "packet-count": 600,
                "packet-interval": 0.01,
                "packet-timeout": 2.0,
                "packet-padding": 100,
                "ctrl-port": 8861,
                "data-ports": {"lower": 8760, "upper": 9960},
                "ip-tos": 46,
                "ip-version": 6,
            },
            None,
            "owping -R -D 46 -s 100 -P 8760-9960 -c 600 -i 0.01 -L 2 -6 -t [b]:8861",
        ),
        ({"packet-interval": 1e-05, "ip-version": 4, "ip-tos": 0}, None,
         "owping -R -D 0 -c 100 -i 0.00001 -L 0 -4 -t [b]:861"),
    ],
)  # fmt: skip
def test_arguments_follow_the_spec(spec: dict[str, Any], near: str | None, expected: str) -> None:
    assert owping.argv(spec, near, "b") == expected.split()


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 22),  # 11 s of packets, 0.002 s, and 11 s around them
        ({"packet-count": 600}, 77),
        ({"packet-count": 600, "packet-timeout": 1}, 78),
        ({"packet-count": 100000, "packet-interval": 0.001}, 123),  # 110 s, 2 s, 11 s
    ],
)
def test_plans_whole_seconds(spec: dict[str, Any], planned: int) -> None:
    assert owping.duration("latency", spec) == seconds(planned)


def test_refuses_to_plan_for_ever() -> None:
    with pytest.raises(Invalid, match="century"):
        owping.duration("latency", {"packet-count": 10**30})


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"schema": 4, "protocol": "twamp"}, "twamp"),
        ({"schema": 2, "reverse": True}, "reverse"),
        ({"schema": 3, "traverse-nat": True}, "NAT"),
        ({"ip-tos": 64}, "ip-tos"),
        ({"schema": 5}, "newer"),
    ],
)
def test_declines_what_it_cannot_do(
    spec: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    (found,) = owping.TOOL.reasons_against("latency", {"dest": "b", **spec})

    assert reason in found


def test_takes_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    spec = {"schema": 4, "dest": "b", "protocol": "owamp", "reverse": False, "ip-tos": 63}

    assert owping.TOOL.reasons_against("latency", spec) == []


def test_declines_without_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert owping.TOOL.reasons_against("latency", {"dest": "b"}) == ["The program owping is missing"]


def test_waits_for_the_start_and_merges_what_it_measured() -> None:
    host = FakeHost(Completed(0, OUTPUT, "owping: a remark\n"))
    spec = {"source": "192.0.2.2", "dest": "192.0.2.1", "flip": True}

    local = owping.run(job(owping.TOOL, spec, host))
    merged = owping.TOOL.merge(spec, [local])

    assert host.slept_until == [at(2)]
    assert host.executed == [owping.argv(spec, "192.0.2.1", "192.0.2.2")]
    assert merged is not None
    assert (merged["succeeded"], merged["packets-sent"], merged["packets-lost"]) == (True, 7, 1)
    assert merged["diags"] == f"{' '.join(host.executed[0])}\n\nowping: a remark\n"
    assert TEST.result_versions.problem(merged) is None


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        (Completed(1, "", "owping: FILE=owping.c, LINE=1: Unable to open control connection\n"), "Unable"),
        (Completed(1, OUTPUT, ""), "ended with status 1"),
        (Completed(0, "", ""), "printed no packets"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        owping.run(job(owping.TOOL, {"dest": "192.0.2.1"}, FakeHost(completed)))
