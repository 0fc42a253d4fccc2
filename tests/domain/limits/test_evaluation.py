"""The trace of a judgement, the rewriter, and the prioritizer."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.limits import evaluation, policy_document
from chalicelib.domain.limits.limit_kinds import Proposal
from chalicelib.domain.limits.networks import Networks
from tests.domain.limits.world import (
    ALWAYS,
    EVERYBODY,
    IDLE,
    NEVER,
    InProcessJq,
    World,
    apply,
    classifier,
    identifier,
    judged,
    limit,
    limiting,
    policy,
)

FIVE = '.test.spec.duration = "PT5S"'
LONG = limit("jq", {"script": '.test.spec.duration == "PT5S"'}, "long")


def test_a_trace_tells_the_whole_story() -> None:
    written = policy(
        identifiers=[EVERYBODY, identifier("ip-cidr-list", {"cidrs": ["198.51.100.0/24"]}, "lab")],
        classifiers=[classifier("all", "everybody"), classifier("friends", "lab")],
        limits=[ALWAYS, NEVER, limit("test-type", {"types": ["rtt"]}, "pings")],
        rewrite={"script": 'change("Nothing much")'},
        priority={"script": 'set(3; "because") | adjust(-1; "less") | note("done")'},
        applications=[
            apply("pings", "never", require="any", description="Pings", classifier="friends"),
            apply("always", description="The rest"),
        ],
    )

    ruling = judged(written, rewrite=True, prioritize=True, server="192.0.2.10")

    assert ruling.passed
    assert ruling.priority == 2
    assert ruling.diags.splitlines() == [
        "Hints:",
        "  requester: 198.51.100.7",
        "  server: 192.0.2.10",
        "Identified as: everybody, lab",
        "Classified as: all, friends",
        "The rewriter made changes:",
        "  Nothing much",
        "Application: Pings",
        '  Group 1: Limit "pings" failed: Tests of type idle are not listed',
        '  Group 1: Limit "never" failed: It always fails',
        "  Group 1: Wanted any, 0/2 passed, 2/2 failed: FAIL",
        "  Application FAILS",
        "Application: The rest",
        '  Group 1: Limit "always" passed',
        "  Group 1: Wanted all, 1/1 passed, 0/1 failed: PASS",
        "  Application PASSES",
        "It passes: no further application is tried",
        "The proposal meets the limits",
        "Priority: none was requested, 2 is given",
        "  because (set to 3)",
        "  less (-1)",
        "  done",
    ]


def test_an_identifier_that_breaks_is_told_and_identifies_nobody() -> None:
    class NoInterfaces:
        def addresses(self) -> Networks:
            raise Unavailable("no interfaces")

        subnets = addresses

    around = dataclasses.replace(World().around(), interfaces=NoInterfaces())
    written = policy(identifiers=[EVERYBODY, identifier("local-subnet", {}, "broken")])
    made = policy_document.parse(written, around.jq)

    ruling = evaluation.judge(made, Proposal(IDLE, {"requester": "192.0.2.1"}), around)

    assert ruling.passed
    assert 'Identifier "broken" failed, and does not identify: no interfaces' in ruling.diags


def test_what_refused_is_named() -> None:
    written = limiting(LONG, NEVER, applications=[apply("long", "never"), apply("never", require="any")])

    assert judged(written).why == (
        'limit "long" failed: Its script refused, without a reason; limit "never" failed: It always fails; '
        'limit "never" failed: It always fails'
    )


def test_whoever_is_not_known_is_refused_at_once() -> None:
    nobody = policy(identifiers=[identifier("ip-cidr-list", {"cidrs": ["192.0.2.0/24"]}, "everybody")])

    ruling = judged(nobody)

    assert (ruling.passed, ruling.why) == (False, "No identifier matches this requester")
    assert ruling.diags.splitlines()[-2:] == [
        "No identifier matches this requester",
        "The proposal does not meet the limits",
    ]


def test_a_long_trace_is_cut() -> None:
    many = [limit("jq", {"script": '"x" * 900'}, f"limit {number}") for number in range(50)]

    assert len(judged(limiting(*many)).diags) < 21_000


def test_a_change_is_judged() -> None:
    ruling = judged(limiting(LONG, rewrite={"script": f'{FIVE} | change("longer")'}), rewrite=True)

    assert ruling.passed
    assert ruling.task is not None
    assert ruling.task["test"]["spec"]["duration"] == "PT5S"
    assert "__REWRITER_PRIVATE__" not in ruling.task


def test_a_change_that_is_not_declared_takes_effect_and_is_not_judged() -> None:
    ruling = judged(limiting(LONG, rewrite={"script": FIVE}), rewrite=True)

    assert not ruling.passed
    assert ruling.task is not None
    assert ruling.task["test"]["spec"]["duration"] == "PT5S"


def test_a_rewriter_is_not_asked_where_nothing_is_new() -> None:
    ruling = judged(policy(rewrite={"script": 'reject("no")'}))

    assert ruling.passed
    assert ruling.task is None


@pytest.mark.parametrize(
    ("script", "passes"),
    [
        ('if hint("requester") == "198.51.100.7" then . else reject("who?") end', True),
        ('if hint("nothing") == null then . else reject("what?") end', True),
        ('if classifiers == ["c-any"] then . else reject("which?") end', True),
        ('if classifiers_has("any") then . else reject("a part is enough") end', True),
        ('if classifiers_has("many") then reject("no") else . end', True),
        ("if .__REWRITER_PRIVATE__.changed == false then . else reject(0) end", True),
        ('reject("no")', False),
        ("empty", False),
        ("7", False),
        ('.test.type = "rtt"', False),
        ("del(.test)", False),
        ("del(.test.spec)", False),
        ("del(.__REWRITER_PRIVATE__)", False),
        ("., error", False),
        (["# a comment", ".", "| change(null)"], True),
    ],
)
def test_a_rewriter_keeps_to_its_rules(script: Any, passes: bool) -> None:
    written = policy(classifiers=[classifier("c-any", "everybody")], rewrite={"script": script})

    assert judged(written, rewrite=True).passed is passes


def test_changes_without_a_word_are_told_as_such() -> None:
    ruling = judged(policy(rewrite={"script": "change(null)"}), rewrite=True)

    assert "  Changes that the rewriter does not name" in ruling.lines


@pytest.mark.parametrize("task", [{}, {"test": 7}, {"test": {"type": 7, "spec": {}}}])
def test_a_rewriter_refuses_what_is_no_task(task: Any) -> None:
    assert not judged(policy(rewrite={"script": "."}), task, rewrite=True).passed


@pytest.mark.parametrize(
    ("script", "task", "priority"),
    [
        (".", IDLE, 0),
        ("set(5; null)", IDLE, 5),
        ('set(5; "a") | adjust(2; "b")', IDLE, 7),
        ('set(requested; "as asked")', {**IDLE, "priority": 4}, 4),
        ('set(default; "a") | adjust(priority + 1; "b")', IDLE, 1),
        ('if classifiers_has("all") then set(1; "a") else set(2; "b") end', IDLE, 1),
        ('set(2.6; "fractions are rounded")', IDLE, 3),
        ('set(1e12; "there is an end to it")', IDLE, 2**31 - 1),
    ],
)
def test_a_prioritizer_says_what_priority_a_run_may_have(script: str, task: Any, priority: int) -> None:
    assert judged(policy(priority={"script": script}), task, prioritize=True).priority == priority


@pytest.mark.parametrize(
    "script", ["set(null; null)", 'set("high"; null)', "error", "empty", "7", "set(true; null)"]
)
def test_a_prioritizer_that_gives_no_number_refuses(script: str) -> None:
    ruling = judged(policy(priority={"script": script}), prioritize=True)

    assert not ruling.passed
    assert ruling.priority is None
    assert "The priority could not be determined" in ruling.why


def test_without_a_prioritizer_the_priority_is_the_default() -> None:
    ruling = judged(policy(), prioritize=True)

    assert ruling.priority == 0
    assert ruling.lines[-1] == "Priority: 0, the default"


def test_a_prioritizer_sees_the_task_as_it_was() -> None:
    script = 'if .test.spec.duration == "PT2S" then set(1; null) else set(2; null) end'
    written = policy(rewrite={"script": f'{FIVE} | change("a")'}, priority={"script": script})

    assert judged(written, rewrite=True, prioritize=True).priority == 1


class CountedJq(InProcessJq):
    """jq that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def run(self, script: str, args: Mapping[str, Any], document: Any) -> list[Any]:
        self.asked += 1
        return super().run(script, args, document)

    def run_all(self, scripts: Any, document: Any) -> list[Any]:
        before = self.asked
        answers = super().run_all(scripts, document)
        self.asked = before + 1
        return answers


def test_the_scripts_of_a_group_are_asked_at_once() -> None:
    limits = [
        limit("jq", {"script": f'.test.type == "idle" or {number}'}, f"{number}") for number in range(30)
    ]
    around = dataclasses.replace(World().around(), jq=CountedJq())
    made = policy_document.parse(limiting(*limits, limit("jq", {"script": "error"}, "last")), around.jq)

    ruling = evaluation.judge(made, Proposal(IDLE, {"requester": "192.0.2.1"}), around)

    assert around.jq.asked == 1
    assert 'Limit "29" passed' in ruling.diags
    assert ruling.why.startswith('limit "last" failed: The script failed: ')


def test_who_is_in_no_class_is_told_so() -> None:
    lab = identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8"]}, "lab")

    ruling = judged(policy(identifiers=[EVERYBODY, lab], classifiers=[classifier("friends", "lab")]))

    assert not ruling.passed
    assert ruling.why == "No classifier includes this requester"
