"""The tracemtu tool: its arguments, what it makes of the program's output, and the program itself."""

import json
import pathlib
from random import Random
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.mtu import TEST
from plugins.tools.route import tracemtu
from plugins.tools.route.tracemtu import parse
from tests.builders import at, seconds
from tests.chance import by_chance
from tests.plugins import networks
from tests.plugins.garbage import lines
from tests.plugins.jobs import FakeHost, job
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import LOOPBACKS, needs

FOLDER = pathlib.Path(__file__).with_name("tracemtu")
READ = sorted(FOLDER.glob("*.json"))
IPV4 = FOLDER.joinpath("ipv4.out").read_text()


def measure(completed: Completed, host: FakeHost | None = None) -> dict[str, Any]:
    spec = {"schema": 1, "dest": "203.0.113.2"}
    merged = tracemtu.TOOL.merge(spec, [tracemtu.run(job(tracemtu.TOOL, spec, host or FakeHost(completed)))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


@pytest.mark.parametrize("expected", READ, ids=lambda path: path.stem)
def test_reads_the_mtus_along_the_way(expected: pathlib.Path) -> None:
    assert parse(expected.with_suffix(".out").read_text()) == json.loads(expected.read_text())


def test_there_is_captured_output() -> None:
    assert len(READ) == 3


@pytest.mark.parametrize("name", ["silent", "unreachable"])
def test_a_host_that_is_not_reached_is_a_failure(name: str) -> None:
    with pytest.raises(PluginFailed, match=r"203\.0\.113\.\d+ was not reached"):
        parse(FOLDER.joinpath(f"{name}.out").read_text())


@by_chance
def test_any_output_is_read_or_refused(chance: Random) -> None:
    _is_read_or_refused(lines(chance, IPV4.splitlines(), most=8))


@pytest.mark.parametrize(
    "output",
    [
        "traceroute to a (1.2.3.4), 30 hops max\n 1  1.2.3.4  1 ms",
        "traceroute to a (1.2.3.4), 30 hops max, 0 byte packets\n 1  1.2.3.4  1 ms",
        "traceroute to a (1.2.3.999), 30 hops max, 60 byte packets\n 1  1.2.3.999  1 ms",
    ],
)
def test_output_that_is_almost_right_is_read_or_refused(output: str) -> None:
    _is_read_or_refused(output)


def _is_read_or_refused(output: str) -> None:
    try:
        found = parse(output)
    except PluginFailed:
        return
    assert TEST.result_versions.problem({"succeeded": True, "mtu": min(found)}) is None


def test_arguments_name_the_address_and_its_version() -> None:
    assert " ".join(tracemtu.argv("::1", 6)) == "traceroute -n -q 1 -m 30 -w 2 --mtu -6 ::1"


def test_plans_for_thirty_hops() -> None:
    assert tracemtu.duration("mtu", {}) == seconds(63)


def test_waits_for_the_start_and_takes_the_smallest() -> None:
    host = FakeHost(Completed(0, IPV4, ""))

    result = measure(Completed(0, IPV4, ""), host)

    assert result == {"schema": 1, "succeeded": True, "mtu": 1300}
    assert host.slept_until == [at(2)]
    assert host.executed == [tracemtu.argv("203.0.113.2", 4)]


@pytest.mark.parametrize(
    "completed",
    [Completed(1, "", "connect: Network is unreachable\n"), Completed(0, "", ""), Completed(2, "", "")],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed) -> None:
    with pytest.raises(PluginFailed) as failed:
        measure(completed)

    assert failed.value.message


def test_declines_a_port() -> None:
    (reason,) = [r for r in tracemtu.TOOL.reasons_against("mtu", {"dest": "a", "port": 1}) if "port" in r]

    assert reason == "Does not support port"


@needs("traceroute", "-n", "-q", "1", "--mtu", "127.0.0.1")
@pytest.mark.parametrize("dest", LOOPBACKS)
def test_measures_this_machine(dest: str) -> None:
    spec = {"dest": dest}
    machine = Machine()

    local = tracemtu.run(job(tracemtu.TOOL, spec, machine, start=machine.now()))

    assert local["result"]["mtu"] >= 1280


@needs("traceroute", "-n", "-q", "1", "--mtu", "127.0.0.1")
@pytest.mark.parametrize("dest", [networks.FAR, networks.FAR_IPV6])
def test_finds_a_narrow_link_far_away(narrow_network: networks.Network, dest: str) -> None:
    machine = narrow_network.machine()

    local = tracemtu.run(job(tracemtu.TOOL, {"dest": dest}, machine, start=machine.now()))

    assert local["result"]["mtu"] == networks.NARROWEST
