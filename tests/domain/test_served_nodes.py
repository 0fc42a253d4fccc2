"""What nodes of a deployment are called, and what their agents are known by. Pure."""

import pytest

from chalicelib.domain import served_nodes
from chalicelib.domain.errors import Invalid, Unauthenticated
from chalicelib.domain.names import NodeName
from chalicelib.domain.served_nodes import JOIN, SECRET
from tests.builders import NOON

AMS = NodeName("ams.example.org")
RANDOM = bytes(range(32))


@pytest.mark.parametrize(
    ("hostname", "node", "kept", "url"),
    [
        ("ams.example.org", "ams.example.org", "ams.example.org", "https://ams.example.org/pscheduler"),
        ("AMS.Example.org:8443", "ams.example.org", "ams.example.org:8443", "https://ams.example.org:8443/pscheduler"),
        ("ams.example.org.", "ams.example.org", "ams.example.org.", "https://ams.example.org./pscheduler"),
        ("[2001:DB8::3]", "2001:db8::3", "[2001:db8::3]", "https://[2001:db8::3]/pscheduler"),
        ("bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", "https://xn--bcher-kva.example/pscheduler"),
    ],
)  # fmt: skip
def test_a_node_is_called_as_its_host_is(hostname: str, node: str, kept: str, url: str) -> None:
    new = served_nodes.new(hostname, "agent", NOON)

    assert (new.node, new.hostname, new.url, new.runs_at_agent) == (node, kept, url, True)


@pytest.mark.parametrize(
    ("hostname", "tools_at", "url", "pointer", "sentence"),
    [
        ("a b", "here", "", "/hostname", '"a b"'),
        ("", "here", "", "/hostname", '""'),
        ("a#b", "here", "", "/hostname", '"a#b"'),
        ("a.example", "there", "", "/tools-at", "must be here or agent"),
        ("a.example", "here", "ftp://a.example", "/url", "must be an http or https URL"),
        ("a.example", "here", "https://a.example/" + "x" * 500, "/url", "of at most 500 characters"),
    ],
)
def test_what_is_wrong_with_a_node_is_said_where_it_is(
    hostname: str, tools_at: str, url: str, pointer: str, sentence: str
) -> None:
    with pytest.raises(Invalid) as caught:
        served_nodes.new(hostname, tools_at, NOON, url)

    assert caught.value.pointer == pointer
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("kind", "what"), [(JOIN, "a join token: psj.<node>"), (SECRET, "an agent's secret")]
)
def test_what_is_no_token_is_told_what_it_should_be(kind: str, what: str) -> None:
    with pytest.raises(Unauthenticated, match=f"This is not {what}"):
        served_nodes.parse("x", kind)


@pytest.mark.parametrize("node", ["ams.example.org", "ams", "2001:db8::3", "192.0.2.1"])
@pytest.mark.parametrize("kind", [JOIN, SECRET])
def test_a_token_says_what_it_is_and_for_whom(kind: str, node: str) -> None:
    text = served_nodes.token(kind, NodeName(node), RANDOM)

    found = served_nodes.parse(text, kind)

    assert (found.kind, found.node) == (kind, node)
    assert found.sha256 == served_nodes.digest(text)
    assert text not in found.sha256
    assert len(text.rpartition(".")[2]) == 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "psa",
        "psa.",
        "psa..",
        "psa.ams",
        "psa." + "A" * 43,
        "psa.." + "A" * 43,
        "psj.ams." + "A" * 43,
        "psa.ams." + "A" * 42,
        "psa.ams." + "A" * 44,
        "psa.ams." + "A" * 42 + "/",
        "psa." + "a" * 300 + "." + "A" * 43,
        "psa.ams." + "A" * 43 + "\n",
    ],
)
def test_what_is_no_secret_is_known_to_nobody(text: str) -> None:
    with pytest.raises(Unauthenticated):
        served_nodes.parse(text, SECRET)


@pytest.mark.parametrize(
    ("known", "after"),
    [
        (("old",), ("old", "new")),
        (("old", "never used"), ("old", "new")),  # the one in use is the older, or it would be gone
    ],
)
def test_at_most_two_secrets_are_good(known: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert served_nodes.rotated(known, "new") == after


def test_a_digest_is_looked_for_among_all() -> None:
    assert served_nodes.is_among("b", ["a", "b"])
    assert not served_nodes.is_among("c", ["a", "b"])
    assert not served_nodes.is_among("c", [])
