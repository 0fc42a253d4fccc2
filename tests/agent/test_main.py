"""The program itself, as its owner uses it."""

import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from agent import agent_log, main, status
from agent.agent_state import State
from agent.state_records import Identity
from agent.version import VERSION
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure import tls_sockets
from tests.agent.coordinator import SECRET, TOKEN, Coordinator, assignment, serving
from tests.agent.test_agent import soon


@pytest.fixture
def coordinator() -> Iterator[Coordinator]:
    with serving(Coordinator()) as running:
        yield running


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "state"


def command(folder: pathlib.Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "agent.main", words[0], "--state", str(folder), *words[1:]]


def said(folder: pathlib.Path, *words: str) -> tuple[int, str]:
    """The exit status of a command, and what it said."""
    done = subprocess.run(command(folder, *words), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


Refused = Callable[..., str]


@pytest.fixture
def refused(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Refused:
    """What a command says that does nothing, in this process, whose log and sockets stay as they are."""
    monkeypatch.setattr(agent_log, "set_up", lambda verbose: None)
    monkeypatch.setattr(tls_sockets, "use", lambda: None)

    def said_by(word: str, *words: str) -> str:
        assert main.main([word, "--state", str(folder), *words]) == 1
        known = capsys.readouterr()
        assert known.out == ""
        return known.err

    return said_by


def joined(folder: pathlib.Path, coordinator: Coordinator) -> None:
    """Leave what joining leaves; the command itself takes as long as most tests here do else."""
    with contextlib.closing(State(folder)) as state:
        state.enroll(Identity(coordinator.url, "ams", "ams.example.org", SECRET))


@contextlib.contextmanager
def running(folder: pathlib.Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder.parent / "log").open("ab") as log:
        process = subprocess.Popen(command(folder, "run", "--verbose", *words), stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def log_of(folder: pathlib.Path) -> str:
    return (folder.parent / "log").read_text()


def test_joining_by_a_token_that_works_once(folder: pathlib.Path, coordinator: Coordinator) -> None:
    first = said(folder, "join", coordinator.url, TOKEN)
    with contextlib.closing(State(folder)) as state:
        identity = state.identity()
    again = said(folder, "join", coordinator.url, TOKEN)
    other = said(folder.parent / "other", "join", coordinator.url, TOKEN)

    assert first == (
        0,
        "Joined: this host measures for ams.example.org. Start it with: pscheduler-agent run",
    )
    assert again[0] == other[0] == 1
    assert "run pscheduler-agent leave first" in again[1]
    assert "Traceback" not in again[1] + other[1]
    assert other[1] == "This join token was used."
    assert identity == Identity(coordinator.url, "ams", "ams.example.org", SECRET)  # as joined() has it


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://c.example.org/pscheduler", "is not https"),
        ("nonsense", "is not a URL"),
        ("https://127.0.0.1:1/pscheduler", "does not answer"),
    ],
)
def test_joining_where_nobody_is(refused: Refused, url: str, sentence: str) -> None:
    assert sentence in refused("join", url, TOKEN)


@pytest.mark.parametrize("word", ["run", "status", "leave", "rotate"])
def test_an_agent_that_has_not_joined_says_so(refused: Refused, word: str) -> None:
    assert "pscheduler-agent join" in refused(word)


def test_a_wrong_command_line_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.main", "dance"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_the_status_of_one_that_runs_and_of_one_that_does_not(
    folder: pathlib.Path, coordinator: Coordinator
) -> None:
    joined(folder, coordinator)
    before = said(folder, "status")
    with running(folder):
        run = coordinator.offer(assignment(soon(600)))
        coordinator.wait(lambda: any(each["held"] for each in coordinator.contacts) or coordinator.ring())
        until = time.monotonic() + 20
        while not status.read(folder).get("held") and time.monotonic() < until:
            time.sleep(0.1)
        now = said(folder, "status")
        known = json.loads(said(folder, "status", "--json")[1])

    assert before[0] == 1
    assert "It is not running" in before[1]
    assert now[0] == 0, now[1]
    assert "Runs: 1 held, 0 in progress" in now[1]
    assert "Clock: " in now[1]
    assert (known["running"], known["hostname"], known["version"]) == (True, "ams.example.org", VERSION)
    assert run in coordinator.holders


def test_two_agents_do_not_run_on_one_state(folder: pathlib.Path, coordinator: Coordinator) -> None:
    joined(folder, coordinator)
    with running(folder):
        coordinator.wait(lambda: coordinator.contacts)
        second = said(folder, "run")

    assert second[0] == 1
    assert "Another agent is using" in second[1]


@pytest.mark.parametrize("at_work", [True, False])
def test_rotating_changes_the_secret(folder: pathlib.Path, coordinator: Coordinator, at_work: bool) -> None:
    joined(folder, coordinator)
    with running(folder) if at_work else contextlib.nullcontext():
        if at_work:
            coordinator.wait(lambda: coordinator.contacts)
        rotated = said(folder, "rotate")
    with running(folder):
        count = len(coordinator.contacts)
        coordinator.wait(lambda: len(coordinator.contacts) > count)

    assert rotated == (0, "The secret was rotated.")
    assert SECRET not in coordinator.secrets


@pytest.mark.parametrize("at_work", [True, False])
def test_leaving_forgets_everything(folder: pathlib.Path, coordinator: Coordinator, at_work: bool) -> None:
    joined(folder, coordinator)
    with running(folder) if at_work else contextlib.nullcontext() as process:
        if at_work:
            coordinator.wait(lambda: coordinator.contacts)
        left = said(folder, "leave")
        if process:
            assert process.wait(20) == 0
    after = said(folder, "status")

    assert left == (0, "ams.example.org has no agent any more.")
    assert coordinator.left
    assert after[0] == 1
    assert not any(SECRET.encode() in path.read_bytes() for path in folder.iterdir())


def test_an_agent_that_is_killed_starts_nothing_twice(folder: pathlib.Path, coordinator: Coordinator) -> None:
    joined(folder, coordinator)
    with running(folder) as process:
        coordinator.wait(lambda: coordinator.contacts)  # on a busy machine it takes a while to be there
        start = soon(3)
        begun = assignment(start, seconds=60, spec={"schema": 1, "duration": "PT40S"})
        later = assignment(start + 25 * SECOND)
        coordinator.offer(begun)
        coordinator.offer(later)
        coordinator.wait(lambda: begun["run"] in coordinator.started and later["run"] in coordinator.holders)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with running(folder):
        coordinator.wait(lambda: coordinator.of(begun["run"]) and coordinator.of(later["run"]), 60)

    assert "stopped while the tool was at work" in coordinator.of(begun["run"])[0]["local"]["errors"]
    assert coordinator.of(later["run"])[0]["local"]["result"]["succeeded"] is True
    assert sorted(coordinator.started) == sorted([begun["run"], later["run"]])


def test_nothing_secret_is_in_the_log(folder: pathlib.Path, coordinator: Coordinator) -> None:
    joined(folder, coordinator)
    secret = "squeamish-ossifrage"
    spec = {"schema": 1, "duration": "PT1S", "_password": secret, "parting-comment": f"{SECRET} {TOKEN}"}
    coordinator.failures["results"] = [400]
    with running(folder):
        coordinator.wait(lambda: coordinator.contacts)
        run = coordinator.offer(assignment(soon(), spec=spec))
        bad = coordinator.offer(assignment(soon(), spec=spec, test=SECRET))
        coordinator.wait(lambda: run in coordinator.started and bad in coordinator.refused)
        coordinator.wait(lambda: not coordinator.failures["results"])
    text = log_of(folder)

    assert "is refused" in text
    assert secret not in text
    assert SECRET not in text
    assert TOKEN not in text


def test_stopping_takes_no_time_and_says_so(folder: pathlib.Path, coordinator: Coordinator) -> None:
    joined(folder, coordinator)
    with running(folder) as process:
        coordinator.wait(lambda: coordinator.contacts)
        process.terminate()
        assert process.wait(5) == 0

    assert log_of(folder).rstrip().endswith("Stopped.")


def test_a_policy_is_named_on_the_command_line(folder: pathlib.Path, coordinator: Coordinator) -> None:
    joined(folder, coordinator)
    policy = folder.parent / "policy.toml"
    policy.write_text('longest = "PT1S"\n')
    with running(folder, "--policy", str(policy)):
        run = coordinator.offer(assignment(soon(600), seconds=2))
        coordinator.wait(lambda: run in coordinator.refused)

    assert coordinator.refused[run]["message"] == "The owner of this host allows runs of PT1S at most"
