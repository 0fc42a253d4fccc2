"""The command that registers nodes. On moto."""

import datetime as dt
import json

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC
from chalicelib.service.node import agent_secrets, node_directory
from chalicelib.store import node_registry
from local import nodes

pytestmark = pytest.mark.usefixtures("empty_aws")

AMS = NodeName("ams.example.org")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert nodes.main(["--aws", *words]) == 0
    return capsys.readouterr().out


def complained(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert nodes.main(["--aws", *words]) == 1
    return capsys.readouterr().err


def test_a_node_is_added_and_its_agent_joins_by_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    token = said(capsys, "add", "ams.example.org", "--expires", "30m").strip()

    expires = node_registry.get(AMS).join
    assert expires is not None
    left = expires.expires - dt.datetime.now(UTC)
    assert dt.timedelta(minutes=29) < left <= dt.timedelta(minutes=30)
    assert agent_secrets.join(token, "i", "1", dt.datetime.now(UTC))[0].node == AMS


def test_a_node_that_measures_here_has_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "add", "bru.example.org:8443", "--at", "here") == ""

    assert node_directory.served(NodeName("bru.example.org")).hostname == "bru.example.org:8443"
    assert "no agent" in complained(capsys, "token", "bru.example.org")


def test_the_nodes_own_address_is_no_other_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert "127.0.0.1 is where this node itself is asked" in complained(capsys, "add", "127.0.0.1")


def test_nodes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "add", "ams.example.org")
    node_registry.note_contact(AMS, {"at": "2026-11-26T12:00:00+00:00", "version": "0.3"})
    said(capsys, "add", "bru.example.org")

    lines = said(capsys, "list").splitlines()

    assert lines[0].endswith("tools here")
    assert lines[1:] == [
        "ams.example.org: tools at its agent, last heard from at 2026-11-26T12:00:00+00:00",
        "bru.example.org: tools at its agent, never heard from",
    ]
    shown = json.loads(said(capsys, "show", "ams.example.org"))
    assert (shown["node"], shown["agent"]["version"]) == (AMS, "0.3")


def test_a_node_is_suspended_resumed_and_removed(capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "add", "ams.example.org")

    said(capsys, "suspend", "AMS.example.org")
    assert "suspended" in said(capsys, "list")
    said(capsys, "resume", "ams.example.org")
    assert "suspended" not in said(capsys, "list")
    said(capsys, "remove", "ams.example.org")
    assert "ams" not in said(capsys, "list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "a b"), "a b"),
        (("add", "new.example", "--expires", "soon"), "soon"),
        (("add", "new.example", "--expires", "60d"), "30 days"),
        (("add", "ams.example.org"), "already"),
        (("token", "nobody.example"), "nobody"),
        (("show", "nobody.example"), "nobody"),
        (("remove", "nobody.example"), "nobody"),
        (("suspend", "nobody.example"), "nobody"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "add", "ams.example.org")

    complaint = complained(capsys, *words)

    assert says in complaint
    assert complaint.count("\n") == 1
    if words[1] == "new.example":
        assert node_directory.find(NodeName("new.example")) is None
