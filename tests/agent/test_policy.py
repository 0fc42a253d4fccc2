"""What a host's owner allows."""

import datetime as dt
import json
import pathlib
from typing import Any

import pytest

from agent.policy import MOST_RUNS, Policy, PolicyFile, Wish, read
from chalicelib.domain.errors import Invalid
from chalicelib.domain.times import SECOND

ADDRESSES = {"inside.example.net": ["192.0.2.9"], "both.example.net": ["192.0.2.9", "198.51.100.1"]}


def wish(**changed: Any) -> Wish:
    usual: dict[str, Any] = {
        "test": "rtt",
        "tool": "ping",
        "destinations": ["192.0.2.1"],
        "duration": 10 * SECOND,
        "beside": 0,
    }
    return Wish(**{**usual, **changed})


@pytest.mark.parametrize(
    ("policy", "asked", "refusal"),
    [
        ({}, {}, None),
        ({"tests": ["rtt"]}, {}, None),
        ({"tests": ["trace"]}, {}, "The owner of this host does not allow the test rtt"),
        ({"tests": []}, {}, "The owner of this host does not allow the test rtt"),
        ({"tools": ["tcpping"]}, {}, "The owner of this host does not allow the tool ping"),
        ({"longest": "PT10S"}, {}, None),
        ({"longest": "PT9S"}, {}, "The owner of this host allows runs of PT9S at most"),
        ({"most-runs": 1}, {"beside": 1}, "The owner of this host allows 1 runs at a time"),
        ({}, {"beside": MOST_RUNS}, "The owner of this host allows 100 runs at a time"),
        ({"destinations": ["192.0.2.0/24"]}, {}, None),
        ({"destinations": ["192.0.2.0/24"]}, {"destinations": []}, None),
        ({"destinations": ["192.0.2.0/25"]}, {"destinations": ["192.0.2.0/24"]}, "192.0.2.0/24"),
        ({"destinations": ["192.0.2.0/24"]}, {"destinations": ["192.0.2.1", "198.51.100.1"]}, "198.51.100.1"),
        ({"destinations": ["2001:db8::/32"]}, {"destinations": ["2001:db8::1"]}, None),
        ({"destinations": ["2001:db8::/32"]}, {}, "192.0.2.1"),
        ({"destinations": ["*.example.org"]}, {"destinations": ["A.Example.org."]}, None),
        ({"destinations": ["*.example.org"]}, {"destinations": ["example.org"]}, "example.org"),
        # A name that is not listed stands for its addresses, all of them.
        ({"destinations": ["192.0.2.0/24"]}, {"destinations": ["inside.example.net"]}, None),
        ({"destinations": ["192.0.2.0/24"]}, {"destinations": ["both.example.net"]}, "both.example.net"),
        ({"destinations": ["192.0.2.0/24"]}, {"destinations": ["nowhere.example.net"]}, "nowhere"),
    ],
)
def test_a_run_is_refused_with_a_sentence(
    policy: dict[str, Any], asked: dict[str, Any], refusal: str | None
) -> None:
    said = read(json.dumps(policy), is_json=True).refusal(wish(**asked), lambda name: ADDRESSES.get(name, []))

    assert (said is None) == (refusal is None)
    assert refusal is None or refusal in str(said)


def test_a_policy_may_be_toml(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('tests = ["rtt"]\nlongest = "PT5M"\nmost-runs = 3\nclock-limit = "PT0.5S"\n')

    policy = PolicyFile(path).policy()

    assert (policy.tests, policy.longest, policy.most_runs) == (frozenset({"rtt"}), 300 * SECOND, 3)
    assert policy.clock_limit == dt.timedelta(milliseconds=500)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tests = 3", "/tests"),
        ("most-runs = 1000", "/most-runs"),
        ('longest = "an hour"', "/longest"),
        ("destination = []", "destination"),
        ("tests = [", "not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_policy_is_said(text: str, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        read(text, is_json=False)


def test_a_policy_is_read_again_when_it_changes_and_a_broken_one_allows_nothing(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "policy.json"
    file = PolicyFile(path, wanted=False)
    before = file.policy()
    path.write_text('{"tests": ["rtt"]}')
    changed = file.policy()
    path.write_text('{"tests": ["rtt", ]}')
    broken = file.policy()
    problem = file.problem
    path.unlink()

    assert (before, changed.tests, broken.most_runs) == (Policy(), frozenset({"rtt"}), 0)
    assert problem is not None
    assert "no run is taken" in problem
    assert (file.policy(), file.problem) == (Policy(), None)


def test_a_policy_that_was_named_has_to_be_there(tmp_path: pathlib.Path) -> None:
    file = PolicyFile(tmp_path / "none.toml")

    assert file.policy().most_runs == 0
    assert "No such file" in str(file.problem)
