"""The policies that come with the node, for requesters and tasks of each class."""

import json
import pathlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from chalicelib.domain.limits.evaluation import Ruling
from tests.domain.limits.world import World, judged

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent.parent / "docs/policies"
HERE, NEIGHBOUR, STRANGER, BANNED, PARTNER, BOGON, PRIVATE, RESEARCH = (
    "192.0.2.10",
    "192.0.2.77",
    "203.0.113.9",
    "198.51.100.7",
    "203.0.113.50",
    "240.0.0.1",
    "10.1.2.3",
    "198.18.0.9",
)
WORLD = World(
    name={PARTNER: ["probe.example.org."], STRANGER: ["example.org.evil.test."]},
    address={
        "probe.example.org.": [PARTNER],
        "1.0.0.240.v4.fullbogons.cymru.com": ["127.0.0.2"],
        "3.2.1.10.v4.fullbogons.cymru.com": ["127.0.0.2"],  # private, and excluded
    },
    lists={"http://stats.es.net/sample_configs/pscheduler/ren": ["198.18.0.0/15"]},
)
KEY = {"api-key": "probe", "api-key-scopes": ["measure"]}
READER = {"api-key": "desk", "api-key-scopes": ["read"]}
ACCOUNT = {"iam-principal": "arn:aws:iam::123456789012:user/somebody"}
FOREIGN = {"iam-principal": "arn:aws:iam::999999999999:user/somebody"}
FIFTY = 50_000_000


def task(kind: str, **spec: Any) -> dict[str, Any]:
    return {"schema": 1, "test": {"type": kind, "spec": spec}, "schedule": {}}


RTT = task("rtt", dest="192.0.2.1")
MINUTE = task("throughput", dest="192.0.2.1", duration="PT60S")
LONGER = task("throughput", dest="192.0.2.1", duration="PT61S")
UNTIMED = task("throughput", dest="192.0.2.1")
NAP, SLEEP = task("idleex", duration="PT2S"), task("idleex", duration="PT3S")


class Case(NamedTuple):
    policy: str
    requester: str
    task: dict[str, Any]
    passes: bool
    hints: Mapping[str, Any] = MappingProxyType({})


CASES = [
    Case("closed", HERE, RTT, False),
    Case("closed", STRANGER, RTT, False),
    Case("closed", HERE, RTT, False, KEY),
    Case("example", HERE, RTT, True),
    Case("example", HERE, LONGER, True),
    Case("example", HERE, SLEEP, True),
    Case("example", PARTNER, LONGER, True),
    Case("example", PARTNER, SLEEP, True),
    Case("example", STRANGER, RTT, True),
    Case("example", STRANGER, MINUTE, True),
    Case("example", STRANGER, UNTIMED, True),
    Case("example", STRANGER, LONGER, False),
    Case("example", STRANGER, NAP, True),
    Case("example", STRANGER, SLEEP, False),
    Case("example", BANNED, RTT, False),
    Case("example", BOGON, RTT, False),
    Case("example", PRIVATE, RTT, True),
    Case("example", PRIVATE, SLEEP, False),
    Case("research-networks", HERE, LONGER, True),
    Case("research-networks", NEIGHBOUR, LONGER, True),
    Case("research-networks", RESEARCH, LONGER, True),
    Case("research-networks", STRANGER, RTT, True),
    Case("research-networks", STRANGER, MINUTE, False),
    Case("research-networks", STRANGER, NAP, False),
    Case("keys-and-quotas", STRANGER, LONGER, True, KEY),
    Case("keys-and-quotas", STRANGER, LONGER, True, ACCOUNT),
    Case("keys-and-quotas", STRANGER, RTT, False, READER),
    Case("keys-and-quotas", STRANGER, RTT, False, FOREIGN),
    Case("keys-and-quotas", HERE, RTT, False),
]


def ruled(policy: str, proposal: dict[str, Any], requester: str, **more: Any) -> Ruling:
    written = json.loads((FOLDER / f"{policy}.json").read_text())
    return judged(without_comments(written), proposal, WORLD, requester=requester, **more)


def without_comments(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_comments(item) for name, item in value.items() if not name.startswith("#")}
    return [without_comments(item) for item in value] if isinstance(value, list) else value


def test_every_policy_that_comes_with_the_node_is_tried() -> None:
    assert {case.policy for case in CASES} == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.policy}-{case.requester}")
def test_a_policy_lets_in_whom_it_says(case: Case) -> None:
    hints = {name.replace("-", "_"): value for name, value in case.hints.items()}

    ruling = ruled(case.policy, case.task, case.requester, rewrite=True, **hints)

    assert ruling.passed is case.passes, ruling.diags
    assert ruling.passed or ruling.why


@pytest.mark.parametrize(
    ("requester", "bandwidth", "left"),
    [
        (HERE, 10 * FIFTY, 10 * FIFTY),  # friends are not capped
        (STRANGER, 10 * FIFTY, FIFTY),
        (STRANGER, None, FIFTY),
        (STRANGER, FIFTY, FIFTY),
        (STRANGER, 1000, 1000),
    ],
)
def test_the_example_caps_the_bandwidth_of_strangers(
    requester: str, bandwidth: int | None, left: int
) -> None:
    spec = {} if bandwidth is None else {"bandwidth": bandwidth}

    ruling = ruled("example", task("throughput", dest="192.0.2.1", **spec), requester, rewrite=True)

    assert ruling.task is not None
    assert ruling.task["test"]["spec"]["bandwidth"] == left
    assert ("Bandwidth capped at 50 Mb/s" in ruling.diags) == (left != bandwidth)


@pytest.mark.parametrize(
    ("requester", "asked", "given"),
    [(HERE, 7, 7), (HERE, None, 0), (STRANGER, 7, 0), (STRANGER, -3, -3), (STRANGER, None, 0)],
)
def test_the_example_gives_strangers_no_priority(requester: str, asked: int | None, given: int) -> None:
    proposal = RTT if asked is None else {**RTT, "priority": asked}

    assert ruled("example", proposal, requester, prioritize=True).priority == given
