"""Several nodes in one deployment: who they are, by whom a request is addressed, from whom a message is."""

import threading
from collections.abc import Iterator

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.service.node.node_directory import addressed_by, base_url_of, hostname_of
from chalicelib.settings import Identity, forget_settings, settings
from chalicelib.store import node_table
from chalicelib.store.models.item_keys import bare, key, owner

FIRST, SECOND, THIRD = map(NodeName, ("first", "second", "third"))


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_NODE", "first")
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", "a.example")
    monkeypatch.setenv("PSCHEDULER_URL", "https://www.example/pscheduler")
    monkeypatch.setenv("PSCHEDULER_NODES", "second=b.example:8443, third=2001:db8::3,")
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def test_the_environment_names_nodes() -> None:
    assert settings().identities == (
        Identity(FIRST, "a.example"),
        Identity(SECOND, "b.example:8443"),
        Identity(THIRD, "2001:db8::3"),
    )


def test_each_node_has_its_own_name_and_root() -> None:
    assert hostname_of(FIRST) == "a.example"
    assert base_url_of(FIRST) == "https://www.example/pscheduler"
    assert hostname_of(SECOND) == "b.example:8443"
    assert base_url_of(SECOND) == "https://b.example:8443/pscheduler"


@pytest.mark.usefixtures("empty_aws")
def test_a_node_that_is_no_longer_served_is_called_as_it_is_called_here() -> None:
    assert hostname_of(NodeName("one that was")) == "one that was"


def test_each_node_has_its_own_keys() -> None:
    assert key(FIRST, "x", "y") == "first#x#y"
    assert (owner(key(SECOND, "x")), bare(key(SECOND, "x"))) == (SECOND, "x")


@pytest.mark.usefixtures("empty_aws")
@pytest.mark.parametrize(
    ("host", "node"),
    [
        ("a.example", "first"),
        ("b.example", "second"),
        ("B.Example:443", "second"),
        ("[2001:DB8::3]:8443", "third"),
        ("2001:db8::3", "third"),
        ("who.example", "first"),
        ("", "first"),
    ],
)
def test_a_request_is_for_the_node_it_is_addressed_to(host: str, node: str) -> None:
    assert addressed_by(host) == node


@pytest.mark.usefixtures("empty_aws")
def test_a_thread_writes_for_the_node_it_is_told_and_no_other() -> None:
    threads = [
        threading.Thread(target=node_table.write, args=(node, "who", node)) for node in (SECOND, THIRD) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [node_table.read(node, "who") for node in (FIRST, SECOND, THIRD)] == [None, SECOND, THIRD]
