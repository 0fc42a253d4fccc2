"""The recorded conversations with the reference server, had with a node."""

import re
import shutil
import time
from collections.abc import Iterator

import pytest

from plugins import registry
from tests import fake_programs
from tests.acceptance.nodes import HERE, Node, free_port, start
from tests.conformance.replay import Conversation, cases, replay

PROGRAMS = ("traceroute", "tracepath", "iperf", "iperf3", "nuttcp")
"""What the recorded host had besides ping. No case runs one of them; it is enough to find them."""

OTHER = "127.0.0.2"
"""Where the recorded host had a second server, for tasks of two participants."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that has a second one for company, at the same port of another address."""
    folder, port = tmp_path_factory.mktemp("conformance"), free_port()
    peers = {"PSCHEDULER_PEER_SCHEME": "http", "PSCHEDULER_PEER_PORT": str(port)}
    path = fake_programs.path_with(folder / "programs", *PROGRAMS)
    other = start(folder / "other", port, address=OTHER, **peers)
    try:
        running = start(folder / "node", port, "--period", "5", PATH=path, **peers)
        try:
            wait_for_every_tick(running)
            yield running
        finally:
            running.stop()
    finally:
        other.stop()


def wait_for_every_tick(node: Node) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        services = node.ask("GET", "/status")[1]["services"].values()
        if all(service["updates"] for service in services):
            return
        time.sleep(0.2)


def test_specs_of_every_test_here_agree_with_the_recordings(node: Node) -> None:
    conversation = Conversation(node.base)
    mine = [case for case in cases("specs") if case["path"].split("/")[2] in registry.tests()]

    wrong = {case["id"]: found for case in mine if (found := conversation.differences(case))}

    assert len(mine) == 286
    assert wrong == {}


needs_ping = pytest.mark.skipif(
    not shutil.which("ping"), reason="the recorded host had the program ping, this one has not"
)


def documented() -> set[str]:
    """The cases that docs/compatibility.md says are answered otherwise, each with its reason."""
    _, _, table = (HERE / "docs" / "compatibility.md").read_text().partition("## Recorded cases")
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert all(len(row) == 5 and all(cell.strip() for cell in row[1:4]) for row in rows)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row[1])}


@pytest.mark.slow(40)
@needs_ping
def test_the_api_answers_as_in_the_recordings_but_for_what_is_documented(node: Node) -> None:
    # The first of the two conversations: it counts on there being no tasks but its own.
    found = replay(node.base, "api", patience=5)

    different = {name: sentences for name, sentences in found.items() if sentences}
    assert len(found) == 928
    assert {name: different[name] for name in different.keys() - documented()} == {}
    assert len(found) - len(different) >= 900


@pytest.mark.slow
@needs_ping
def test_tasks_live_as_in_the_recordings(node: Node) -> None:
    found = replay(node.base, "lifecycle")

    assert len(found) == 84
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_what_is_documented_are_cases_there_are() -> None:
    assert documented() - {case["id"] for case in cases("api")} == set()
