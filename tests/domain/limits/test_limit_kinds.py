"""What the kinds of limits say, word by word, and what a server that judges is asked."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.limits.limit_kinds import KINDS, Proposal
from chalicelib.domain.limits.remote import Verdict, judge
from chalicelib.domain.limits.surroundings import Query
from tests.domain.limits.world import IDLE, InProcessJq, World


def decided(kind: str, data: Any, task: Any = IDLE) -> Verdict:
    made = KINDS[kind].prepare(data, "/limits/0/data", InProcessJq())
    verdict: Verdict = KINDS[kind].decide(made, Proposal(task, {}), World().around())
    return verdict


@pytest.mark.parametrize(
    ("task", "verdict"),
    [
        (IDLE, Verdict(True)),
        ({"test": {"type": "rtt"}}, Verdict(False, ("Tests of type rtt are not listed",))),
        ({"test": {"type": "x" * 101}}, Verdict(False, (f"Tests of type {'x' * 100} are not listed",))),
        ({"test": {}}, Verdict(False, ("The task has no type of test",))),
        ({"test": "idle"}, Verdict(False, ("The task has no type of test",))),
        ({}, Verdict(False, ("The task has no type of test",))),
    ],
)
def test_a_type_of_test_is_listed_or_not(task: Any, verdict: Verdict) -> None:
    assert decided("test-type", {"types": ["idle", "idleex"]}, task) == verdict


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("true", Verdict(True)),
        ("false", Verdict(False, ("Its script refused, without a reason",))),
        ('"because"', Verdict(False, ("because",))),
        ("1", Verdict(False, ("Its script returned neither true nor false",))),
        ("null", Verdict(False, ("Its script returned neither true nor false",))),
        ("empty", Verdict(False, ("The script failed: The script has no output",))),
    ],
)
def test_a_script_says_yes_no_or_why(script: str, verdict: Verdict) -> None:
    assert decided("jq", {"script": script}) == verdict


URL = "https://judge.example/"


def asked(**data: Any) -> Query:
    made = judge({"url": URL, **data}, "/limits/0/data", InProcessJq())
    return made._query(IDLE, {"requester": "192.0.2.1"}, InProcessJq())


def test_a_server_is_asked_for_its_url_with_nothing_unless_there_is_a_transform() -> None:
    query = asked(headers={"A": "b"}, params={"c": "d"})

    assert (query.url, query.headers, query.params) == (URL, {}, {})
    assert (query.bind, query.verify, query.follow, query.proxy) == (None, True, True, None)


def test_headers_and_parameters_are_what_their_transforms_make_as_texts() -> None:
    query = asked(
        **{
            "headers": {"A": "b"},
            "headers-transform": {"script": ".headers.Type = .run.task.test.type | .headers.Count = 5"},
            "params-transform": {"script": '.params.who = hint("requester") | .params.on = true'},
            "url-transform": {"script": '.url + "x"'},
            "timeout": "PT1S",
            "bind": "192.0.2.9",
            "verify-keys": False,
            "follow-redirects": False,
            "proxy": "http://proxy.example:3128",
        }
    )

    assert query == Query(
        url=f"{URL}x",
        headers={"A": "b", "Type": "idle", "Count": "5"},
        params={"who": "192.0.2.1", "on": "true"},
        timeout=dt.timedelta(seconds=1),
        bind="192.0.2.9",
        verify=False,
        follow=False,
        proxy="http://proxy.example:3128",
    )
