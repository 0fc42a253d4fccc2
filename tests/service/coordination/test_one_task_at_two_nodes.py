"""A task as clients see it at its lead and at a node that takes part: one task, and two systems."""

import contextlib
import copy
import json
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.service.tasks import validation
from chalicelib.settings import forget_settings
from tests.cluster import LEAD, OTHER, Cluster, posted
from tests.policies import use
from tests.service.coordination.test_several_participants import idle

pytestmark = pytest.mark.usefixtures("empty_aws")

MESH: dict[str, Any] = {"psconfig": {"created-by": {"uuid": "01d1e6d2", "agent-type": "pscheduler-agent"}}}


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Says where the node listens."""
    yield lambda listens: use(monkeypatch, "open", listens)
    monkeypatch.undo()
    forget_settings()


def listed(cluster: Cluster, host: str) -> list[dict[str, Any]]:
    """What a pSConfig agent asks of a node: its own tasks, whole."""
    wanted = urllib.parse.quote(json.dumps({"reference": MESH}))
    status, found = cluster.api(host, "GET", f"/tasks?detail=True&expanded=True&json={wanted}")
    assert status == 200, found
    return list(found)


def as_compared(document: dict[str, Any]) -> dict[str, Any]:
    """A task less what pSConfig's agent clears before it compares two."""
    rest = copy.deepcopy(document)
    for path in (("schema",), ("test", "spec", "schema"), ("tool",), ("href",), ("detail",)):
        *folders, name = path
        where = rest
        for folder in folders:
            where = where[folder]
        where.pop(name, None)
    rest["schedule"].pop("start", None)
    rest["schedule"].pop("until", None)
    return rest


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"schema": 3, "priority": 7, "schedule": {"repeat": "PT1H", "slip": "PT5M", "sliprand": True}},
        {"archives": [{"archiver": "bitbucket", "data": {}, "ttl": "PT1H"}]},
        {"schema": 2, "contexts": {"contexts": [[{"context": "changenothing", "data": {}}], []]}},
        {"_key": "sesame"},  # is hidden, at both
        {"_key": "a" * 48},  # looks like one that a lead made up
        {"reference": {**MESH, "_secret": 1}},
    ],
    ids=[
        "plain",
        "repeating",
        "archived",
        "in a context",
        "with a key",
        "with a key like a lead's",
        "with a secret",
    ],
)
def test_an_agent_sees_the_same_task_at_both(cluster: Cluster, more: dict[str, Any]) -> None:
    posted(cluster, idle(LEAD, OTHER, **{"reference": MESH, **more}))

    (at_the_lead,), (at_the_other,) = listed(cluster, LEAD), listed(cluster, OTHER)

    assert as_compared(at_the_lead) == as_compared(at_the_other)
    assert ("_key" in at_the_lead) == ("_key" in more)


def test_one_task_by_itself_is_the_same_at_both_but_for_its_place(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))

    here, there = (cluster.api(host, "GET", f"/tasks/{uuid}?detail")[1] for host in (LEAD, OTHER))

    assert set(here) == set(there)
    assert set(here["detail"]) == set(there["detail"])
    assert (here["detail"]["participant"], there["detail"]["participant"]) == (0, 1)
    alike = set(here["detail"]) - {
        *("added", "diags", "href", "runs-href", "first-run-href", "next-run-href", "hints", "participant"),
        *("runs", "start", "next-planning"),
    }
    assert {name: here["detail"][name] for name in alike} == {name: there["detail"][name] for name in alike}


def test_the_key_that_a_lead_made_up_still_guards_what_is_private_there(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))

    assert cluster.api(OTHER, "GET", f"/tasks/{uuid}/runs/first?key=wrong", caller="198.51.100.7")[0] == 403
    assert cluster.api(OTHER, "DELETE", f"/tasks/{uuid}?key=wrong", caller="198.51.100.7")[0] == 403


@pytest.mark.parametrize(
    ("key", "says", "is_shown"),
    [
        ("a" * 48, "", False),  # a lead of the reference does not say whose it is
        ("a" * 48, "&key-is-made-up=yes", False),
        ("a" * 48, "&key-is-made-up=no", True),
        ("a" * 31, "", True),
        ("a" * 65, "", True),
        ("a" * 40 + "-", "", True),
        ("sesame", "&key-is-made-up", False),
    ],
)
def test_a_follower_shows_that_there_is_a_key_where_the_lead_would(
    cluster: Cluster, key: str, says: str, is_shown: bool
) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    told = {**next(heard.body for heard in cluster.heard if heard.line.startswith("POST")), "_key": key}
    path = f"/tasks/{uuid[:-4]}0000"

    status, said = cluster.api(OTHER, "POST", f"{path}?participant=1{says}", told)

    assert status == 200, said
    shown = cluster.api(OTHER, "GET", path)[1]
    assert shown.get("_key", "none") == (None if is_shown else "none")
    assert cluster.api(OTHER, "DELETE", f"{path}?key=wrong", caller="198.51.100.7")[0] == 403
    assert cluster.api(OTHER, "DELETE", f"{path}?key={key}", caller="198.51.100.7")[0] == 200


@pytest.mark.parametrize("hosts", [(LEAD, LEAD), (LEAD, OTHER, OTHER)])
def test_a_system_that_would_take_part_twice_is_refused_before_anybody_is_asked(
    cluster: Cluster, hosts: tuple[str, ...]
) -> None:
    status, said = cluster.api(LEAD, "POST", "/tasks", idle(*hosts))

    assert (status, cluster.heard) == (400, [])
    assert "participants have to be on separate systems" in said
    assert hosts[-1] in said


@pytest.mark.parametrize(
    ("names", "is_refused"),
    [
        (("a.test", "b.test", "b.test:443"), True),  # the usual port, said
        (("A.test:443", "a.test"), True),
        (("a.test", "a.test:8443"), False),  # two nodes of one machine
        (("[2001:db8::1]:443", "2001:db8:0::1"), True),
        (("a.test",), False),
    ],
)
def test_participants_are_told_apart_by_name_and_port(names: tuple[str, ...], is_refused: bool) -> None:
    with pytest.raises(Invalid, match="separate") if is_refused else contextlib.nullcontext():
        validation.participants(NodeName(LEAD), names)


@pytest.mark.parametrize(
    ("listens", "dest", "is_refused"),
    [
        ("127.0.0.1:443", "127.0.0.1", True),
        ("127.0.0.1:443", "localhost", True),
        ("127.0.0.1:443", "::ffff:127.0.0.1", True),
        ("0.0.0.0:443", "127.0.0.1", True),
        ("[::]:443", "::1", True),
        ("127.0.0.1:443", "127.0.0.2", False),  # another node of this machine
        ("127.0.0.1:8000", "127.0.0.1", False),  # at 443 is somebody else
        ("", "127.0.0.1", False),
    ],
)
def test_the_address_where_this_node_listens_is_no_other_participant(
    cluster: Cluster, listening: Callable[[str], None], listens: str, dest: str, is_refused: bool
) -> None:
    listening(listens)

    said = cluster.api(LEAD, "POST", "/tasks", idle(LEAD, dest))[1]

    assert ("separate systems" in said) == is_refused, said


def test_a_name_that_leads_back_to_the_lead_is_said_to(cluster: Cluster) -> None:
    uuid = posted(cluster, idle(LEAD, OTHER))
    told = next(heard.body for heard in cluster.heard if heard.line.startswith("POST"))

    status, said = cluster.api(LEAD, "POST", f"/tasks/{uuid}?participant=1", told)

    assert status == 400
    assert "separate systems" in said
