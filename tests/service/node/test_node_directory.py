"""The nodes of a deployment: looking them up, and what their agents are known by."""

import threading
from collections.abc import Callable, Iterator

import pytest

from chalicelib.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Overtaken,
    PSchedulerError,
    Unauthenticated,
)
from chalicelib.domain.names import NodeName
from chalicelib.infrastructure import addresses
from chalicelib.service.node import agent_secrets, node_directory, registration
from chalicelib.settings import forget_settings
from chalicelib.store import node_registry
from tests.builders import NOON, at, seconds
from tests.requests_sent import counted

AMS = NodeName("ams.example.org")
OWN = NodeName("local")

pytestmark = pytest.mark.usefixtures("empty_aws")


@pytest.fixture
def ams() -> NodeName:
    return registration.add("ams.example.org", "agent", NOON).node


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
    return agent_secrets.join(agent_secrets.new_join_token(node, NOON), "i", "0.2", NOON)[1]


# --- registering ---------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Have the node listen at a place, and clients reach it by a URL."""

    def serve(listens: str, url: str) -> None:
        monkeypatch.setenv("PSCHEDULER_LISTENS", listens)
        monkeypatch.setenv("PSCHEDULER_URL", url)
        monkeypatch.setenv("PSCHEDULER_NAMES", "ams.example.org,*.example.org")
        monkeypatch.setattr(addresses, "own_addresses", lambda: frozenset({"192.0.2.1", "2001:db8::1"}))
        forget_settings()

    yield serve
    monkeypatch.undo()
    forget_settings()


LOOPBACK = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST.",
    "::1",
    "[::1]",
    "[::1]:8000",
    "127.0.0.1:9000",
    "0.0.0.0",
    "::",
]
LOOPBACK += ["0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost:8000"]
ON_LOOPBACK, ON_ONE, ON_ALL = "127.0.0.1:8000", "192.0.2.1:443,coordinator.example:443", "0.0.0.0:8000"
WWW, V6 = "https://www.example.org:8443/pscheduler", "https://[2001:DB8:0::7]/pscheduler"


@pytest.mark.parametrize(
    ("listens", "url", "names"),
    [
        ("", "", LOOPBACK),
        (ON_LOOPBACK, "", LOOPBACK),
        (ON_ONE, "", [*LOOPBACK, "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1:9", "Coordinator.example"]),
        (ON_ALL, "", [*LOOPBACK, "192.0.2.1", "2001:db8::1", "2001:DB8:0::1"]),
        ("[::]:8000", "", [*LOOPBACK, "192.0.2.1", "2001:db8::1"]),
        ("127.0.0.2:8000", "", [*LOOPBACK, "127.0.0.2"]),
        ("", WWW, ["www.example.org", "WWW.example.org.", "www.example.org:8443", "www.example.org:443"]),
        ("", V6, ["2001:db8::7", "[2001:db8::7]:443"]),
    ],
)
def test_where_a_node_is_asked_itself_is_no_other_node(
    served: Callable[[str, str], None], listens: str, url: str, names: list[str]
) -> None:
    served(listens, url)

    for name in names:
        with pytest.raises(Conflict, match="is where this node itself is asked: another needs a name of its"):
            registration.add(name, "agent", NOON)
        with pytest.raises(Conflict, match="is where this node itself is asked"):
            registration.put(name, "here", "https://other.example", False, NOON)
    assert node_registry.is_unused()


@pytest.mark.parametrize(
    ("listens", "url", "names"),
    [
        # What a certificate is made for are names of nodes that are served here, too.
        (
            ON_LOOPBACK,
            "",
            ["ams.example.org", "agent.localhost", "127.0.0.2", "192.0.2.1", "localhost.example"],
        ),
        (ON_ONE, "", ["192.0.2.2", "2001:db8::1", "www.coordinator.example"]),
        (ON_ALL, WWW, ["192.0.2.2", "example.org", "a.www.example.org"]),
        ("", "", ["192.0.2.1", "127.1"]),
    ],
)
def test_any_other_place_may_be_another_nodes(
    served: Callable[[str, str], None], listens: str, url: str, names: list[str]
) -> None:
    served(listens, url)

    assert [registration.add(name, "agent", NOON).node for name in names] == names


# --- looking up ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("two")
def test_nodes_of_the_environment_are_served_here_without_a_look_into_the_store() -> None:
    with counted() as sent:
        second = node_directory.served(NodeName("second"))
        node_directory.addressed_by("b.example:8443")
        node_directory.base_url_of(OWN)

    assert (second.hostname, second.tools_at) == ("b.example:8443", "here")
    assert sent == []


def test_a_registry_that_is_not_used_is_looked_into_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    with counted() as sent:
        for _ in range(50):
            node_directory.addressed_by("who.example")
            node_directory.of_participant("who.example")
            node_directory.runs_at_agent(NodeName("who"))

    assert sent == ["BatchGetItem"]


@pytest.mark.usefixtures("two")
def test_a_registered_node_is_found_by_its_host_and_as_a_participant(ams: NodeName) -> None:
    assert node_directory.addressed_by("ams.example.org") == ams
    assert node_directory.addressed_by("AMS.example.org.:443") == ams
    assert node_directory.addressed_by("who.example") == node_directory.addressed_by("") == OWN
    assert node_directory.addressed_by("what is this") == node_directory.addressed_by("#" * 9000) == OWN
    found = node_directory.of_participant("Ams.Example.org:8443")
    assert found is not None
    assert found.node == ams
    assert node_directory.of_participant("own.example") == node_directory.served(OWN)
    assert node_directory.of_participant("who.example") is node_directory.of_participant("a b") is None
    assert node_directory.runs_at_agent(ams)
    assert not node_directory.runs_at_agent(OWN)
    assert node_directory.hostname_of(ams) == "ams.example.org"
    assert node_directory.base_url_of(ams) == "https://ams.example.org/pscheduler"
    assert node_directory.base_url_of(OWN) == "https://www.example/pscheduler"


def test_what_was_looked_up_is_remembered(ams: NodeName) -> None:
    node_directory.forget()

    with counted() as sent:
        for _ in range(10):
            node_directory.served(ams)
            node_directory.find(NodeName("nobody.example"))

    assert sorted(sent) == ["BatchGetItem", "GetItem", "GetItem"]


def test_a_name_of_the_environment_cannot_be_registered(two: None) -> None:
    for hostname in ("own.example", "B.example", "local", "second"):
        with pytest.raises(Conflict):
            registration.add(hostname, "here", NOON)


def test_a_change_is_made_on_what_is_stored_though_another_is_made_meanwhile(ams: NodeName) -> None:
    def meanwhile(known: node_directory.ServedNode) -> node_directory.ServedNode:
        if known.revision == 0:
            node_registry.change(known.evolve(suspended=True))
        return known.evolve(agent={"version": "2"})

    changed = registration.change(ams, meanwhile)

    assert (changed.suspended, changed.agent, changed.revision) == (True, {"version": "2"}, 2)
    assert node_registry.get(ams) == changed


# --- joining -------------------------------------------------------------------------------------


def test_an_agent_joins_by_its_token_and_is_known_by_its_secret(ams: NodeName) -> None:
    node, secret = agent_secrets.join(agent_secrets.new_join_token(ams, NOON), "i", "0.2", NOON)

    known = agent_secrets.authenticate(secret)

    assert known == node
    assert known.agent == {"instance": "i", "version": "0.2", "protocol": 1, "at": NOON.isoformat()}


def test_nothing_stored_tells_a_token_or_a_secret(ams: NodeName) -> None:
    token = agent_secrets.new_join_token(ams, NOON)
    waiting = node_registry.get(ams)
    secret = agent_secrets.join(token, "i", "1", NOON)[1]

    stored = f"{waiting} {node_registry.get(ams)}"

    assert token.rpartition(".")[2] not in stored
    assert secret.rpartition(".")[2] not in stored


def refused(token: str, now: float = 0) -> type[PSchedulerError]:
    with pytest.raises(PSchedulerError) as caught:
        agent_secrets.join(token, "other", "1", at(now))
    return type(caught.value)


def test_a_join_token_works_once_and_for_its_time(ams: NodeName) -> None:
    first = agent_secrets.new_join_token(ams, NOON)
    second = agent_secrets.new_join_token(ams, NOON, seconds(60))

    assert refused(first) is Unauthenticated  # another took its place
    assert refused(second, 60) is Unauthenticated
    assert refused("psj.nobody.example." + "A" * 43) is Unauthenticated
    assert refused("psj.ams.example.org." + "A" * 43) is Unauthenticated
    agent_secrets.join(second, "i", "1", at(59))
    assert refused(second, 59) is Conflict


def test_of_two_that_join_with_one_token_one_does(ams: NodeName) -> None:
    token, outcomes = agent_secrets.new_join_token(ams, NOON), []

    def try_it(instance: str) -> None:
        try:
            outcomes.append(agent_secrets.join(token, instance, "1", NOON)[1])
        except Conflict:
            outcomes.append("")

    threads = [threading.Thread(target=try_it, args=(instance,)) for instance in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 4
    assert len([one for one in outcomes if one]) == 1
    assert agent_secrets.authenticate("".join(outcomes)).node == ams


def test_who_did_not_hear_the_answer_joins_once_more(ams: NodeName) -> None:
    token = agent_secrets.new_join_token(ams, NOON, seconds(60))
    unheard = agent_secrets.join(token, "i", "1", at(1))[1]

    assert refused(token, 2) is Conflict  # by another instance
    secret = agent_secrets.join(token, "i", "1", at(3))[1]

    assert agent_secrets.authenticate(unheard).node == ams  # the first answer may come all the same
    assert agent_secrets.authenticate(secret).node == ams
    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(unheard)


@pytest.mark.parametrize("why", ["heard of", "too late", "left", "another token"])
def test_who_may_have_heard_the_answer_needs_another_token(ams: NodeName, why: str) -> None:
    token = agent_secrets.new_join_token(ams, NOON, seconds(60))
    secret = agent_secrets.join(token, "i", "1", at(1))[1]
    if why == "heard of":
        node_registry.note_contact(ams, {"instance": "i", "at": at(2).isoformat()})
    elif why == "left":
        agent_secrets.leave(ams)
    elif why == "another token":
        agent_secrets.new_join_token(ams, at(2))

    with pytest.raises(Conflict):
        agent_secrets.join(token, "i", "1", at(60 if why == "too late" else 3))

    if why != "left":
        assert agent_secrets.authenticate(secret).node == ams


def test_what_was_heard_of_an_instance_before_it_joined_does_not_count(ams: NodeName) -> None:
    node_registry.note_contact(ams, {"instance": "i", "at": at(-5).isoformat()})
    token = agent_secrets.new_join_token(ams, NOON)
    agent_secrets.join(token, "i", "1", NOON)

    assert agent_secrets.authenticate(agent_secrets.join(token, "i", "1", at(1))[1]).node == ams


def test_who_joins_anew_takes_the_place_of_who_did_before(ams: NodeName) -> None:
    old, new = joined(ams), joined(ams)

    assert agent_secrets.authenticate(new).node == ams
    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(old)


def test_a_node_without_an_agent_has_no_tokens() -> None:
    here = registration.add("here.example", "here", NOON).node

    with pytest.raises(Invalid):
        agent_secrets.new_join_token(here, NOON)
    with pytest.raises(NotFound):
        agent_secrets.new_join_token(NodeName("nobody.example"), NOON)
    for lifetime in (0, -1, 31 * 86400):
        with pytest.raises(Invalid):
            agent_secrets.new_join_token(here, NOON, seconds(lifetime))


# --- secrets -------------------------------------------------------------------------------------


def test_the_secret_before_is_good_until_the_new_one_is_used(ams: NodeName) -> None:
    old = joined(ams)
    lost = agent_secrets.rotate(ams)
    new = agent_secrets.rotate(ams)

    with pytest.raises(Unauthenticated):  # its answer never came, and another took its place
        agent_secrets.authenticate(lost)
    assert agent_secrets.authenticate(old).node == ams
    assert agent_secrets.authenticate(new).secrets == agent_secrets.authenticate(new).secrets[-1:]
    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(old)


def test_a_secret_is_for_one_node(ams: NodeName) -> None:
    other = registration.add("bru.example.org", "agent", NOON).node
    secret = joined(ams)
    joined(other)

    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(secret.replace(ams, other))


def test_a_secret_is_revoked_at_once(ams: NodeName) -> None:
    secret = joined(ams)
    # As another process does it: this one remembers what it read before.
    node_registry.change(node_registry.get(ams).evolve(suspended=True))
    with pytest.raises(Forbidden):
        agent_secrets.authenticate(secret)
    node_registry.change(node_registry.get(ams).evolve(suspended=False))
    assert agent_secrets.authenticate(secret).node == ams

    agent_secrets.leave(ams)

    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(secret)
    with pytest.raises(Conflict):
        agent_secrets.rotate(ams)


def test_a_node_that_is_suspended_takes_no_agent(ams: NodeName) -> None:
    token = agent_secrets.new_join_token(ams, NOON)
    registration.change(ams, lambda node: node.evolve(suspended=True))

    assert refused(token) is Forbidden


def test_a_secret_of_a_node_that_is_removed_is_not_known(ams: NodeName) -> None:
    secret = joined(ams)

    registration.remove(ams, NOON)

    with pytest.raises(Unauthenticated):
        agent_secrets.authenticate(secret)


def test_a_suspended_nodes_agent_may_go_on_with_what_it_has(ams: NodeName) -> None:
    secret = joined(ams)
    registration.change(ams, lambda node: node.evolve(suspended=True))

    with pytest.raises(Forbidden) as failed:
        agent_secrets.authenticate(secret)

    assert failed.value.message == "The node ams.example.org is suspended"
    assert agent_secrets.authenticate(secret, suspended_too=True).node == ams


def test_a_secret_of_a_node_that_measures_here_now_is_not_known(ams: NodeName) -> None:
    secret = joined(ams)
    registration.put("ams.example.org", "here", "", False, NOON)

    with pytest.raises(Unauthenticated) as failed:
        agent_secrets.authenticate(secret)

    assert failed.value.message == "The secret is unknown, or was revoked"


def test_a_new_secret_is_taken_into_use_though_the_node_changes_meanwhile(
    ams: NodeName, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = joined(ams)
    new = agent_secrets.rotate(ams)
    find = node_registry.find

    def overtaken(node: NodeName) -> node_directory.ServedNode | None:
        found = find(node)
        monkeypatch.setattr(node_registry, "find", find)
        registration.change(ams, lambda known: known.evolve(url="https://elsewhere.example"))
        return found

    monkeypatch.setattr(node_registry, "find", overtaken)

    assert agent_secrets.authenticate(new).node == ams
    known = agent_secrets.authenticate(old).secrets
    assert known[-1] != known[0]  # not revoked yet
    assert len(agent_secrets.authenticate(new).secrets) == 1


@pytest.mark.parametrize(("lifetime", "is_one"), [(0, False), (1, True), (2592000, True), (2592001, False)])
def test_a_join_token_is_valid_for_30_days_at_most(lifetime: float, is_one: bool) -> None:
    if is_one:
        agent_secrets.require_lifetime(seconds(lifetime))
        return
    with pytest.raises(Invalid) as failed:
        agent_secrets.require_lifetime(seconds(lifetime))
    assert failed.value.message == "A join token must be valid for longer than zero, and for 30 days at most"


def test_a_join_token_is_good_for_an_hour_if_nothing_else_is_said(ams: NodeName) -> None:
    token = agent_secrets.new_join_token(ams, NOON)

    with pytest.raises(Unauthenticated) as failed:
        agent_secrets.join(token, "i", "1", at(3600))
    assert failed.value.message == "The join token has expired: ask for another one"
    assert agent_secrets.join(token, "i", "1", at(3599), protocol=2)[0].agent == {
        "instance": "i",
        "version": "1",
        "protocol": 2,
        "at": at(3599).isoformat(),
    }


def test_what_is_wrong_with_a_token_is_said(ams: NodeName) -> None:
    token = agent_secrets.new_join_token(ams, NOON)
    agent_secrets.join(token, "i", "1", NOON)
    registration.add("here.example", "here", NOON)
    said = []
    for do in (
        lambda: agent_secrets.join(token, "other", "1", NOON),
        lambda: agent_secrets.join("psj.ams.example.org." + "A" * 43, "i", "1", NOON),
        lambda: agent_secrets.join("psj.nobody.example." + "A" * 43, "i", "1", NOON),
        lambda: agent_secrets.new_join_token(NodeName("here.example"), NOON),
        lambda: agent_secrets.rotate(NodeName("here.example")),
        lambda: node_directory.served(NodeName("nobody.example")),
    ):
        with pytest.raises(PSchedulerError) as failed:
            do()
        said.append(failed.value.message)

    assert said == [
        "The join token was used already: ask for another one",
        "The join token is unknown",
        "The join token is unknown",
        "The tools of here.example are in the deployment: it has no agent",
        "No agent has joined for here.example",
        "There is no node nobody.example",
    ]


# --- changes -------------------------------------------------------------------------------------


def test_a_node_is_as_it_was_put(ams: NodeName) -> None:
    joined(ams)
    before = node_registry.get(ams)

    put = registration.put("Ams.example.org:8443", "agent", "https://elsewhere.example/p/", True, at(5))

    assert put == node_registry.get(ams)
    assert put == before.evolve(
        hostname="ams.example.org:8443",
        url="https://elsewhere.example/p",
        suspended=True,
        revision=before.revision + 1,
    )
    again = registration.put("ams.example.org:8443", "agent", "https://elsewhere.example/p", True, at(9))
    assert again == put  # nothing changed, and so nothing was written
    made = registration.put("bru.example.org", "here", "", True, at(5))
    assert made == node_registry.get(made.node)
    assert (made.suspended, made.added, made.url) == (True, at(5), "https://bru.example.org/pscheduler")


@pytest.mark.parametrize(("times", "is_done"), [(4, True), (5, False)])
def test_a_change_is_tried_five_times(
    ams: NodeName, monkeypatch: pytest.MonkeyPatch, times: int, is_done: bool
) -> None:
    change, left = node_registry.change, [times]

    def overtaken(changed: node_directory.ServedNode) -> node_directory.ServedNode:
        if left[0]:
            left[0] -= 1
            raise Overtaken("It changed meanwhile")
        return change(changed)

    monkeypatch.setattr(node_registry, "change", overtaken)

    if is_done:
        assert registration.change(ams, lambda node: node.evolve(suspended=True)).suspended
    else:
        with pytest.raises(Overtaken):
            registration.change(ams, lambda node: node.evolve(suspended=True))

    assert node_registry.get(ams).suspended is is_done


def test_what_was_changed_is_known_at_once(ams: NodeName) -> None:
    assert node_directory.out_of_service(ams) is None
    node_directory.require_in_service(ams)

    registration.change(ams, lambda node: node.evolve(suspended=True))

    with counted() as sent:
        assert node_directory.out_of_service(ams) == "The node ams.example.org is suspended"
        with pytest.raises(Forbidden):
            node_directory.require_in_service(ams)
    assert sent == []


def test_a_removed_node_is_known_until_it_is_forgotten(ams: NodeName) -> None:
    joined(ams)
    removed = registration.remove(ams, at(5))

    assert (removed.removed, removed.join, removed.secrets, removed.agent) == (at(5), None, (), None)
    assert removed.joined_with == ""
    assert node_directory.find(ams) is None
    assert node_directory.known(ams) == node_directory.of_participant("ams.example.org") == removed
    assert node_directory.addressed_by("ams.example.org") == OWN
    with pytest.raises(NotFound) as failed:
        registration.remove(ams, at(6))
    assert failed.value.message == "The node ams.example.org was removed"

    registration.forget_removed(ams)

    with counted() as sent:
        assert node_directory.known(ams) is None
    assert sent == []
    with pytest.raises(NotFound):
        registration.forget_removed(ams)


def test_who_leaves_is_known_no_more(ams: NodeName) -> None:
    joined(ams)

    agent_secrets.leave(ams)

    left = node_registry.get(ams)
    assert (left.secrets, left.agent) == ((), None)


def test_a_node_of_nowhere_is_called_as_it_is_called_here(ams: NodeName) -> None:
    who = NodeName("who.example")

    assert node_directory.hostname_of(who) == "who.example"
    assert node_directory.base_url_of(who) == "https://who.example/pscheduler"
    assert node_directory.out_of_service(who) is None
    assert not node_directory.runs_at_agent(who)


@pytest.mark.usefixtures("two")
def test_nodes_of_the_environment_are_listed_the_deployments_own_first() -> None:
    assert [(each.node, each.hostname, each.url) for each in node_directory.of_environment()] == [
        (OWN, "own.example", "https://www.example/pscheduler"),
        ("second", "b.example:8443", "https://b.example:8443/pscheduler"),
    ]
    assert node_directory.is_of_environment(NodeName("second"))
    assert not node_directory.is_of_environment(AMS)
    assert node_directory.addressed_by("b.example.") == "second"
