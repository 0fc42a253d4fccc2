"""An agent beside a node on this machine, in one line: ``make agent``.

Registers a node of its own at the running one, ``agent.localhost`` if no other name is said, joins as its
agent by a token made on the spot, and measures for it until Ctrl-C. Started again, it goes on as the same.
"""

import argparse
import datetime as dt
import os
import sys
from collections.abc import Sequence

from local import node_options, node_tables
from local.start_checks import CannotStart

USUAL_NAME = "agent.localhost"
"""Clients look names below localhost up without a name server."""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="local.agent", description="An agent beside a node on this machine."
    )
    parser.add_argument("name", nargs="?", default=USUAL_NAME, help="host name of its node (%(default)s)")
    parser.add_argument("--port", default="8000", help="TCP port of the node's API (8000)")
    parser.add_argument("--address", default="127.0.0.1", help="address of the node's API (127.0.0.1)")
    parser.add_argument(
        "--state", type=node_options.folder, help="state folder of the node (.local/node-PORT)"
    )
    parser.add_argument("--tls", action="store_true", help="the node serves HTTPS")
    given = parser.parse_args(words)
    given.port = node_options.port(given.port)
    given.state = given.state or node_options.default_state(given.address, given.port)
    return given


def main(words: Sequence[str] | None = None) -> int:
    given = arguments(words)
    kept = given.state / "agents" / given.name
    os.environ.setdefault(
        "PSCHEDULER_EGRESS", "loopback,private"
    )  # this host measures itself, to be tried out
    from agent.main import main as agent

    if not (kept / "agent.sqlite").exists():
        with node_tables.tables_of(given.state):
            token = registered(given)
        authority = ["--ca", str(given.state / "authority.pem")] if given.tls else []
        status = agent(["join", "--state", str(kept), *authority, node_options.base(given), token])
        if status:
            return status
    print(f"It measures for {base(given)}/ - Ctrl-C stops", flush=True)
    return agent(["run", "--state", str(kept), "--verbose"])


def registered(given: argparse.Namespace) -> str:
    """A join token for the node of the agent, which is registered if it is not yet."""
    from chalicelib.domain.served_nodes import AGENT, name_of
    from chalicelib.domain.times import UTC
    from chalicelib.service.node import agent_secrets, node_directory, registration

    now = dt.datetime.now(UTC)
    if node_directory.find(name_of(given.name)) is None:
        registration.add(given.name, AGENT, now, base(given))
    return agent_secrets.new_join_token(name_of(given.name), now)


def base(given: argparse.Namespace) -> str:
    return f"{'https' if given.tls else 'http'}://{given.name}:{given.port}/pscheduler"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CannotStart as error:
        print(error, file=sys.stderr)
        sys.exit(1)
