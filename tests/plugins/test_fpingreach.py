"""The tools that perform netreach: what they try in which order, and fpingreach with its program."""

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.netreach import TEST
from plugins.tools.reach import address_sweep, fpingreach
from plugins.tools.reach.fpingreach import TOOL
from tests.builders import at, seconds
from tests.plugins import networks
from tests.plugins.jobs import FakeHost, job
from tests.plugins.networks import narrow_network as narrow_network
from tests.plugins.programs import needs
from tests.plugins.traces import text

works = needs("fping", "-q", "-i", "1", "-4", "127.0.0.1")


def measure(host: Any, /, **spec: Any) -> dict[str, Any]:
    whole = {"network": "203.0.113.0/24", "timeout": "PT1S", **spec}
    assert TEST.problem(whole) is None
    start = {"start": host.now()} if isinstance(host, Machine) else {}
    merged = TOOL.merge(whole, [TOOL.run(job(TOOL, whole, host, **start))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)


def tried(network: str, **spec: Any) -> list[str]:
    """The last numbers of the addresses."""
    found = itertools.islice(address_sweep.targets({"network": network, **spec}), 20)
    return [address.rpartition(".")[2] for address in found]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"scan": "up"}, "1 2 3 4 5 6"),
        ({"scan": "down"}, "6 5 4 3 2 1"),
        ({"scan": "edges"}, "1 6 2 5 3 4"),
        ({}, "1 6 2 5 3 4"),  # edges by default
        ({"scan": "up", "limit": 2}, "1 2"),
        ({"scan": "up", "limit": 100}, "1 2 3 4 5 6"),
        ({"scan": "up", "limit": 2, "gateway": 2}, "2 1 3"),  # the gateway comes first, and on top
        ({"scan": "down", "limit": 2.0, "gateway": "192.0.2.6"}, "6 5 4"),
    ],
)
def test_hosts_are_tried_in_order(spec: dict[str, Any], expected: str) -> None:
    assert tried("192.0.2.0/29", **spec) == expected.split()


def test_an_odd_number_of_hosts_has_its_middle_once() -> None:
    net = TEST.examples[0] | {"network": "192.0.2.0/29", "gateway": 1}

    assert sorted(set(address_sweep.targets(net))) == sorted(address_sweep.targets(net))


@given(st.integers(24, 30), st.integers(1, 300), st.sampled_from([None, 1, -1]))
def test_a_random_order_has_every_host_once(prefix: int, limit: int, gateway: int | None) -> None:
    spec = {"network": f"192.0.2.0/{prefix}", "scan": "random", "limit": limit}
    spec |= {"gateway": gateway} if gateway else {}

    found = list(address_sweep.targets(spec))

    assert len(set(found)) == len(found)
    assert len(found) <= address_sweep.count(spec)


@pytest.mark.parametrize("scan", ["up", "down", "edges", "random"])
def test_the_largest_networks_are_only_looked_at_as_far_as_needed(scan: str) -> None:
    found = list(address_sweep.targets({"network": "2001:db8::/32", "scan": scan, "limit": 5}))

    assert len(set(found)) == 5


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (3, [3]), (4, [4]), (9, [4, 4, 1])])
def test_batches_are_full_but_for_the_last(count: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in address_sweep.batches(["a"] * count, 4)] == sizes


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        ({"network": "192.0.2.0/24"}, 3 + 0.5 + 1 + 1),
        ({"network": "192.0.2.0/24", "gateway": 1, "timeout": "PT10S"}, 10 + 0.5 + 1 + 1),
    ],
)
def test_plans_one_run_of_the_program_for_a_small_network(spec: dict[str, Any], planned: float) -> None:
    assert fpingreach.duration("netreach", spec) == seconds(planned)


def test_plans_another_run_for_what_no_command_line_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: fpingreach.KEPT_BACK + 24 * 100)

    assert fpingreach.duration("netreach", {"network": "192.0.2.0/24"}) == seconds(4.5 * 3 + 1)


def test_a_network_nobody_could_go_through_is_declined() -> None:
    reasons = dataclasses.replace(TOOL, programs=()).reasons_against("netreach", {"network": "2001:db8::/32"})

    assert any("century" in reason for reason in reasons)


def test_arguments_have_a_pace_and_a_source() -> None:
    assert (
        " ".join(fpingreach.argv(["::1", "::2"], 6, "::9"))
        == "fping -q -a -r 1 -i 1 -6 -S ::9 ::1 ::2"
    )  # fmt: skip


@pytest.mark.parametrize(("name", "up"), [("two_up", True), ("none_up", False), ("ipv6", True)])
def test_a_network_is_up_where_anybody_answered(name: str, up: bool) -> None:
    host = FakeHost(Completed(1, text(TOOL, name), ""))

    assert measure(host)["network-up"] is up
    assert host.slept_until == [at(2)]


@pytest.mark.parametrize(
    ("gateway", "up"),
    [(1, True), ("203.0.113.2", True), (3, False)],
)
def test_a_gateway_is_up_where_it_answered_itself(gateway: Any, up: bool) -> None:
    result = measure(FakeHost(Completed(1, text(TOOL, "two_up"), "")), gateway=gateway)

    assert result == {"schema": 1, "succeeded": True, "network-up": True, "gateway-up": up}


def test_stops_at_the_first_batch_with_somebody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fpingreach, "most", lambda version: 100)
    silent, lively = (FakeHost(Completed(1, text(TOOL, name), "")) for name in ("none_up", "two_up"))

    assert measure(silent)["network-up"] is False
    assert measure(lively)["network-up"] is True
    assert (len(silent.executed), len(lively.executed)) == (3, 1)


@pytest.mark.parametrize(
    ("completed", "complaint"),
    [
        (Completed(4, "", "fping: cannot bind source address\n"), "cannot bind source address"),
        (Completed(3, "", ""), "ended with status 3"),
        (Completed(-15, "", ""), "did not finish in time"),
    ],
)
def test_a_program_that_could_not_try_is_a_failure(completed: Completed, complaint: str) -> None:
    with pytest.raises(PluginFailed, match=complaint):
        measure(FakeHost(completed))


def test_an_answer_counts_although_time_was_up() -> None:
    result = measure(FakeHost(Completed(-15, "203.0.113.9\n", "")), gateway=1)

    assert (result["network-up"], result["gateway-up"]) == (True, False)


@given(st.text())
def test_any_line_is_an_address_or_nothing(line: str) -> None:
    found = fpingreach.heard(line)

    assert found is None or found in line.lower() or ":" in found


def test_merges_a_failure_to_a_failure() -> None:
    failed = {
        "succeeded": False,
        "result": None,
        "error": "fping did not finish in time",
        "diags": "fping -q",
    }

    assert TOOL.merge({}, [None]) == {"succeeded": False}
    assert TOOL.merge({}, [failed]) == {name: failed[name] for name in ("succeeded", "error", "diags")}


@works
@pytest.mark.parametrize("scan", ["up", "random"])
def test_reaches_this_machine(scan: str) -> None:
    result = measure(Machine(), network="127.0.0.0/29", gateway=-1, scan=scan, host="127.0.0.1")

    assert (result["network-up"], result["gateway-up"]) == (True, True)


@works
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"network": "203.0.113.0/28"}, (True, None)),
        ({"network": "203.0.113.0/28", "gateway": 3}, (True, False)),
        ({"network": "203.0.113.64/28"}, (False, None)),
        ({"network": "2001:db8:3::/64", "limit": 5, "scan": "up"}, (True, None)),
    ],
)
def test_reaches_a_network_behind_routers(
    narrow_network: networks.Network, spec: dict[str, Any], expected: tuple[bool, bool | None]
) -> None:
    result = measure(narrow_network.machine(), **{"timeout": "PT5S", **spec})

    assert (result["network-up"], result.get("gateway-up")) == expected
