"""The nodes of a deployment: looking them up, and what their agents are known by. On moto."""

import threading
from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import Conflict, Forbidden, Invalid, NotFound, PSchedulerError, Unauthenticated
from chalicelib.domain.names import NodeName
from chalicelib.service.node import registry
from chalicelib.settings import forget_settings
from chalicelib.store import node_registry
from tests.builders import NOON, at, seconds
from tests.requests_sent import counted

AMS = NodeName("ams.example.org")
OWN = NodeName("local")

pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture
def ams() -> NodeName:
    return registry.add("ams.example.org", "agent", NOON).node


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", "own.example")
    monkeypatch.setenv("PSCHEDULER_URL", "https://www.example/pscheduler")
    monkeypatch.setenv("PSCHEDULER_NODES", "second=b.example:8443")
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


def joined(node: NodeName) -> str:
    return registry.join(registry.new_join_token(node, NOON), "i", "0.2", NOON)[1]


# --- looking up ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_nodes_of_the_environment_are_served_here_without_a_look_into_the_store() -> None:
    with counted() as sent:
        second = registry.served(NodeName("second"))
        registry.addressed_by("b.example:8443")
        registry.base_url_of(OWN)

    assert (second.hostname, second.tools_at) == ("b.example:8443", "here")
    assert sent == []


def test_a_registry_that_is_not_used_is_looked_into_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with counted() as sent:
        for _ in range(50):
            registry.addressed_by("who.example")
            registry.of_participant("who.example")
            registry.runs_at_agent(NodeName("who"))

    assert sent == ["BatchGetItem"]


@pytest.mark.usefixtures("two")
def test_a_registered_node_is_found_by_its_host_and_as_a_participant(ams: NodeName) -> None:
    assert registry.addressed_by("ams.example.org") == ams
    assert registry.addressed_by("AMS.example.org.:443") == ams
    assert registry.addressed_by("who.example") == registry.addressed_by("") == OWN
    assert registry.addressed_by("what is this") == registry.addressed_by("#" * 9000) == OWN
    found = registry.of_participant("Ams.Example.org:8443")
    assert found is not None
    assert found.node == ams
    assert registry.of_participant("own.example") == registry.served(OWN)
    assert registry.of_participant("who.example") is registry.of_participant("a b") is None
    assert registry.runs_at_agent(ams)
    assert not registry.runs_at_agent(OWN)
    assert registry.hostname_of(ams) == "ams.example.org"
    assert registry.base_url_of(ams) == "https://ams.example.org/pscheduler"
    assert registry.base_url_of(OWN) == "https://www.example/pscheduler"


def test_what_was_looked_up_is_remembered(ams: NodeName) -> None:
    registry.forget()

    with counted() as sent:
        for _ in range(10):
            registry.served(ams)
            registry.find(NodeName("nobody.example"))

    assert sorted(sent) == ["BatchGetItem", "GetItem", "GetItem"]


def test_a_name_of_the_environment_cannot_be_registered(two: None) -> None:
    for hostname in ("own.example", "B.example", "local", "second"):
        with pytest.raises(Conflict):
            registry.add(hostname, "here", NOON)


def test_a_change_is_made_on_what_is_stored_though_another_is_made_meanwhile(ams: NodeName) -> None:
    def meanwhile(known: registry.ServedNode) -> registry.ServedNode:
        if known.revision == 0:
            node_registry.change(known.evolve(suspended=True))
        return known.evolve(agent={"version": "2"})

    changed = registry.change(ams, meanwhile)

    assert (changed.suspended, changed.agent, changed.revision) == (True, {"version": "2"}, 2)
    assert node_registry.get(ams) == changed


# --- joining -------------------------------------------------------------------------------------


def test_an_agent_joins_by_its_token_and_is_known_by_its_secret(ams: NodeName) -> None:
    node, secret = registry.join(registry.new_join_token(ams, NOON), "i", "0.2", NOON)

    known = registry.authenticate(secret)

    assert known == node
    assert known.agent == {"instance": "i", "version": "0.2", "protocol": 1, "at": NOON.isoformat()}


def test_nothing_stored_tells_a_token_or_a_secret(ams: NodeName) -> None:
    token = registry.new_join_token(ams, NOON)
    waiting = node_registry.get(ams)
    secret = registry.join(token, "i", "1", NOON)[1]

    stored = f"{waiting} {node_registry.get(ams)}"

    assert token.rpartition(".")[2] not in stored
    assert secret.rpartition(".")[2] not in stored


def refused(token: str, now: float = 0) -> type[PSchedulerError]:
    with pytest.raises(PSchedulerError) as caught:
        registry.join(token, "other", "1", at(now))
    return type(caught.value)


def test_a_join_token_works_once_and_for_its_time(ams: NodeName) -> None:
    first = registry.new_join_token(ams, NOON)
    second = registry.new_join_token(ams, NOON, seconds(60))

    assert refused(first) is Unauthenticated  # another took its place
    assert refused(second, 60) is Unauthenticated
    assert refused("psj.nobody.example." + "A" * 43) is Unauthenticated
    assert refused("psj.ams.example.org." + "A" * 43) is Unauthenticated
    registry.join(second, "i", "1", at(59))
    assert refused(second, 59) is Conflict


def test_of_two_that_join_with_one_token_one_does(ams: NodeName) -> None:
    token, outcomes = registry.new_join_token(ams, NOON), []

    def try_it(instance: str) -> None:
        try:
            outcomes.append(registry.join(token, instance, "1", NOON)[1])
        except Conflict:
            outcomes.append("")

    threads = [threading.Thread(target=try_it, args=(instance,)) for instance in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 4
    assert len([one for one in outcomes if one]) == 1
    assert registry.authenticate("".join(outcomes)).node == ams


def test_who_did_not_hear_the_answer_joins_once_more(ams: NodeName) -> None:
    token = registry.new_join_token(ams, NOON, seconds(60))
    unheard = registry.join(token, "i", "1", at(1))[1]

    assert refused(token, 2) is Conflict  # by another instance
    secret = registry.join(token, "i", "1", at(3))[1]

    assert registry.authenticate(unheard).node == ams  # the first answer may come all the same
    assert registry.authenticate(secret).node == ams
    with pytest.raises(Unauthenticated):
        registry.authenticate(unheard)


@pytest.mark.parametrize("why", ["heard of", "too late", "left", "another token"])
def test_who_may_have_heard_the_answer_needs_another_token(ams: NodeName, why: str) -> None:
    token = registry.new_join_token(ams, NOON, seconds(60))
    secret = registry.join(token, "i", "1", at(1))[1]
    if why == "heard of":
        node_registry.note_contact(ams, {"instance": "i", "at": at(2).isoformat()})
    elif why == "left":
        registry.leave(ams)
    elif why == "another token":
        registry.new_join_token(ams, at(2))

    with pytest.raises(Conflict):
        registry.join(token, "i", "1", at(60 if why == "too late" else 3))

    if why != "left":
        assert registry.authenticate(secret).node == ams


def test_what_was_heard_of_an_instance_before_it_joined_does_not_count(ams: NodeName) -> None:
    node_registry.note_contact(ams, {"instance": "i", "at": at(-5).isoformat()})
    token = registry.new_join_token(ams, NOON)
    registry.join(token, "i", "1", NOON)

    assert registry.authenticate(registry.join(token, "i", "1", at(1))[1]).node == ams


def test_who_joins_anew_takes_the_place_of_who_did_before(ams: NodeName) -> None:
    old, new = joined(ams), joined(ams)

    assert registry.authenticate(new).node == ams
    with pytest.raises(Unauthenticated):
        registry.authenticate(old)


def test_a_node_without_an_agent_has_no_tokens() -> None:
    here = registry.add("here.example", "here", NOON).node

    with pytest.raises(Invalid):
        registry.new_join_token(here, NOON)
    with pytest.raises(NotFound):
        registry.new_join_token(NodeName("nobody.example"), NOON)
    for lifetime in (0, -1, 31 * 86400):
        with pytest.raises(Invalid):
            registry.new_join_token(here, NOON, seconds(lifetime))


# --- secrets -------------------------------------------------------------------------------------


def test_the_secret_before_is_good_until_the_new_one_is_used(ams: NodeName) -> None:
    old = joined(ams)
    lost = registry.rotate(ams)
    new = registry.rotate(ams)

    with pytest.raises(Unauthenticated):  # its answer never came, and another took its place
        registry.authenticate(lost)
    assert registry.authenticate(old).node == ams
    assert registry.authenticate(new).secrets == registry.authenticate(new).secrets[-1:]
    with pytest.raises(Unauthenticated):
        registry.authenticate(old)


def test_a_secret_is_for_one_node(ams: NodeName) -> None:
    other = registry.add("bru.example.org", "agent", NOON).node
    secret = joined(ams)
    joined(other)

    with pytest.raises(Unauthenticated):
        registry.authenticate(secret.replace(ams, other))


def test_a_secret_is_revoked_at_once(ams: NodeName) -> None:
    secret = joined(ams)
    # As another process does it: this one remembers what it read before.
    node_registry.change(node_registry.get(ams).evolve(suspended=True))
    with pytest.raises(Forbidden):
        registry.authenticate(secret)
    node_registry.change(node_registry.get(ams).evolve(suspended=False))
    assert registry.authenticate(secret).node == ams

    registry.leave(ams)

    with pytest.raises(Unauthenticated):
        registry.authenticate(secret)
    with pytest.raises(Conflict):
        registry.rotate(ams)


def test_a_node_that_is_suspended_takes_no_agent(ams: NodeName) -> None:
    token = registry.new_join_token(ams, NOON)
    registry.change(ams, lambda node: node.evolve(suspended=True))

    assert refused(token) is Forbidden


def test_a_secret_of_a_node_that_is_removed_is_not_known(ams: NodeName) -> None:
    secret = joined(ams)

    registry.remove(ams, NOON)

    with pytest.raises(Unauthenticated):
        registry.authenticate(secret)
