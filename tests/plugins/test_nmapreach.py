"""The nmapreach tool: its arguments, what it makes of the program's output, and the program itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.netreach import TEST
from plugins.tools.reach import nmapreach
from plugins.tools.reach.nmapreach import TOOL
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.programs import needs
from tests.plugins.traces import text


def measure(host: Any, /, **spec: Any) -> dict[str, Any]:
    whole = {"network": "203.0.113.0/24", **spec}
    assert TEST.problem(whole) is None
    start = {"start": host.now()} if isinstance(host, Machine) else {}
    merged = TOOL.merge(whole, [TOOL.run(job(TOOL, whole, host, **start))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({}, 3.5 + 1),  # 64 hosts at once
        ({"gateway": 1}, 3.5 * 2 + 1),  # one more than go together
        ({"limit": 10, "parallel": 4, "timeout": "PT1S"}, 1.5 * 3 + 1),
        ({"parallel": 10**30}, 3.5 + 1),
    ],
)
def test_plans_for_every_batch(spec: dict[str, Any], planned: float) -> None:
    assert nmapreach.duration("netreach", {"network": "192.0.2.0/24", **spec}) == seconds(planned)


def test_arguments_of_either_version() -> None:
    four, six = nmapreach.argv(["192.0.2.1"], 4, seconds(1.5)), nmapreach.argv(["::1"], 6, seconds(0))

    assert " ".join(four) == "nmap -n -sn -oG - --host-timeout 1500ms 192.0.2.1"
    assert " ".join(six) == "nmap -n -sn -6 -oG - --host-timeout 1ms ::1"


@pytest.mark.parametrize(("name", "up"), [("two_up", True), ("none_up", False), ("ipv6", True)])
def test_a_network_is_up_where_anybody_answered(name: str, up: bool) -> None:
    host = FakeHost(Completed(0, text(TOOL, name), ""))

    assert measure(host)["network-up"] is up
    assert host.slept_until == [at(2)]


@pytest.mark.parametrize(("gateway", "up"), [(2, True), ("203.0.113.1", True), (-1, False)])
def test_a_gateway_is_up_where_it_answered_itself(gateway: Any, up: bool) -> None:
    result = measure(FakeHost(Completed(0, text(TOOL, "two_up"), "")), gateway=gateway)

    assert (result["network-up"], result["gateway-up"]) == (True, up)


def test_goes_on_with_the_next_batch_while_nobody_answers() -> None:
    host = FakeHost(Completed(0, text(TOOL, "none_up"), ""))

    measure(host, limit=5, parallel=2)

    assert [len(command) for command in host.executed] == [9, 9, 8]


def test_a_program_that_could_not_try_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="QUITTING"):
        measure(FakeHost(Completed(1, "", "QUITTING!\n")))


LINES = text(TOOL, "two_up").splitlines()


@given(st.sampled_from(LINES) | st.text(), st.integers(0, 60), st.text(max_size=5))
def test_any_line_is_an_address_or_nothing(line: str, cut: int, noise: str) -> None:
    found = nmapreach.heard(line[:cut] + noise + line[cut:])

    assert found is None or nmapreach.heard(f"Host: {found} ()\tStatus: Up") == found


@needs("nmap", "-n", "-sn", "127.0.0.1")
def test_reaches_this_machine() -> None:
    result = measure(Machine(), network="127.0.0.0/29", gateway=1, timeout="PT10S")

    assert (result["network-up"], result["gateway-up"]) == (True, True)
