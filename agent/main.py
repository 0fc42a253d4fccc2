"""The program ``pscheduler-agent``: an agent on a measurement host, for one node of a coordinator.

Exit status: 0 all is well, 1 something is not and a sentence says what, 2 the command line is wrong.
"""

import argparse
import datetime as dt
import json
import logging
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from agent import agent_egress, agent_log, commands, status
from agent.agent_state import State
from agent.coordinator_client import Client
from agent.policy import PolicyFile
from agent.service import Agent, rotated
from agent.state_file import CannotUse, is_locked, locked
from agent.state_records import Identity
from agent.transport import coordinator_url
from agent.version import VERSION
from chalicelib.domain.errors import PSchedulerError
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import UTC, parse_timestamp
from chalicelib.host import facts
from chalicelib.infrastructure import tls_sockets
from chalicelib.infrastructure.stopping import Stop

SYSTEM_POLICY = pathlib.Path("/etc/pscheduler-agent/policy.toml")
SILENT_FROM = dt.timedelta(minutes=5)
"""How long after its last contact an agent counts as out of touch."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what a command line says; the exit status."""
    given = _parser().parse_args(words)
    agent_log.set_up(getattr(given, "verbose", False))
    tls_sockets.use()
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except PSchedulerError as error:
        print(error.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pscheduler-agent", description="Measures for a node of a coordinator."
    )
    parser.add_argument("--version", action="version", version=f"pscheduler-agent {VERSION}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (command, about) in _COMMANDS.items():
        made = subparsers.add_parser(name, help=about, description=about)
        made.set_defaults(command=command)
        made.add_argument(
            "--state", type=pathlib.Path, default=default_state(), help="folder of the agent (%(default)s)"
        )
        if name == "join":
            made.add_argument("coordinator", help="such as https://coordinator.example.org/pscheduler")
            made.add_argument("token", help="the join token that the coordinator printed; it works once")
            made.add_argument(
                "--ca", metavar="FILE", help="PEM file with CAs to trust in addition to the system's"
            )
        if name == "run":
            made.add_argument(
                "--policy",
                type=pathlib.Path,
                help=f"file with the owner's policy ({SYSTEM_POLICY}, if it exists)",
            )
            made.add_argument("--verbose", action="store_true", help="log more")
        if name == "status":
            made.add_argument("--json", action="store_true", help="print JSON")
    return parser


def default_state() -> pathlib.Path:
    """Where an agent keeps its state, unless it is told; systemd says where, too."""
    if os.environ.get("STATE_DIRECTORY"):
        return pathlib.Path(os.environ["STATE_DIRECTORY"])
    if os.geteuid() == 0:
        return pathlib.Path("/var/lib/pscheduler-agent")
    return pathlib.Path.home() / ".local/state/pscheduler-agent"


def join(given: argparse.Namespace) -> int:
    """Become the agent of a node, with a token from its coordinator."""
    url = coordinator_url(given.coordinator)
    authority = str(pathlib.Path(given.ca).absolute()) if given.ca else ""
    with locked(given.state):
        state = State(given.state)
        known = state.identity()
        if known is not None:
            raise CannotUse(
                f"This is already the agent of {known.hostname}: run pscheduler-agent leave first, or choose"
                " another folder with --state"
            )
        joined = Client(url, None, authority or None).join(given.token, state.instance, facts.gather())
        state.enroll(Identity(url, joined["node"], joined["hostname"], joined["secret"], authority))
        state.close()
    print(f"Joined: this host measures for {joined['hostname']}. Start it with: pscheduler-agent run")
    return 0


def run(given: argparse.Namespace) -> int:
    """Measure, until stopped by SIGTERM or Ctrl-C."""
    with locked(given.state):
        state = State(given.state)
        identity = _joined(state)
        policy = PolicyFile(given.policy or SYSTEM_POLICY, wanted=given.policy is not None)
        agent_egress.set_up(policy)
        agent = Agent(given.state, state, identity, policy)
        told = Stop().by([signal.SIGINT, signal.SIGTERM])
        threading.Thread(target=_end_once, args=(told, agent), name="stop", daemon=True).start()
        print(f"The agent of {identity.hostname} runs: Ctrl-C or SIGTERM stops it.", flush=True)
        agent.run()
    print("Stopped.", flush=True)
    logging.shutdown()
    os._exit(0)  # a request under way would hold sys.exit() up until it ends


def _end_once(told: Stop, agent: Agent) -> None:
    """In a thread of its own: the main one may hold what this takes, when the signal comes to it."""
    told.wait()
    agent.end()


def show_status(given: argparse.Namespace) -> int:
    """Show the agent's condition."""
    identity = _joined(_opened(given.state))
    said = dict(status.read(given.state))
    running = is_locked(given.state)
    if given.json:
        print(
            json.dumps(
                {"running": running, "hostname": identity.hostname, "coordinator": identity.url, **said}
            )
        )
    else:
        print("\n".join(sentences(identity, running, said, dt.datetime.now(UTC))))
    return 0 if running and _is_well(said, dt.datetime.now(UTC)) else 1


def sentences(identity: Identity, running: bool, said: Mapping[str, JSON], now: dt.datetime) -> list[str]:
    """The status in words."""
    found = [f"The agent of {identity.hostname}, at {identity.url}"]
    if not running:
        found.append("It is not running: start it with pscheduler-agent run")
    contact = said.get("contact")
    ago = f"{(now - parse_timestamp(contact)).total_seconds():.0f} s ago" if contact else "never"
    found.append(f"Last contact: {ago}")
    if said.get("trouble"):
        found.append(f"Since then: {said['trouble']}")
    if said.get("offset") is not None:
        found.append(f"Clock: {said['offset']:+.3f} s from the coordinator's")
    found.append(f"Runs: {said.get('held', 0)} held, {said.get('at-work', 0)} in progress")
    found.append(f"Results: {said.get('waiting', 0)} waiting")
    if said.get("in-memory"):
        found.append(f"The disk is full: {said['in-memory']} results are kept in memory only")
    if said.get("lost"):
        found.append(f"Lost for lack of space: {said['lost']} results")
    if said.get("policy"):
        found.append(str(said["policy"]))
    return found


def _is_well(said: Mapping[str, JSON], now: dt.datetime) -> bool:
    contact = said.get("contact")
    recent = contact and now - parse_timestamp(contact) < SILENT_FROM
    return bool(recent) and not any(said.get(name) for name in ("trouble", "in-memory", "lost", "policy"))


def leave(given: argparse.Namespace) -> int:
    """Stop being the node's agent, and delete everything stored here."""
    return _at_work_or_here(given, "leave", _leave)


def _leave(state: State) -> str:
    identity = _joined(state)
    _client(identity).leave()
    state.forget_all()
    return f"{identity.hostname} has no agent any more."


def rotate(given: argparse.Namespace) -> int:
    """Change the secret that identifies the agent to its coordinator."""
    return _at_work_or_here(given, "rotate", _rotate)


def _rotate(state: State) -> str:
    rotated(state, _client(_joined(state)))
    return "The secret was rotated."


def _at_work_or_here(given: argparse.Namespace, word: str, here: Callable[[State], str]) -> int:
    """Have a command done by the agent at work on the state, or here where none is."""
    _joined(_opened(given.state))
    if is_locked(given.state):
        print(commands.tell(given.state, word))
        return 0
    with locked(given.state):
        print(here(_opened(given.state)))
    return 0


def _client(identity: Identity) -> Client:
    return Client(identity.url, identity.secret, identity.authority or None)


def _opened(folder: pathlib.Path) -> State:
    if not folder.is_dir():
        raise CannotUse(
            f"There is no agent in {folder}: run pscheduler-agent join, or name its folder with --state"
        )
    return State(folder)


def _joined(state: State) -> Identity:
    identity = state.identity()
    if identity is None:
        raise CannotUse("This agent has not joined: run pscheduler-agent join COORDINATOR TOKEN")
    return identity


_COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "join": (join, str(join.__doc__)),
    "run": (run, str(run.__doc__)),
    "status": (show_status, str(show_status.__doc__)),
    "rotate": (rotate, str(rotate.__doc__)),
    "leave": (leave, str(leave.__doc__)),
}

if __name__ == "__main__":
    sys.exit(main())
