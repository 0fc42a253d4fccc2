"""The nodes a deployment serves besides its own: add, list, show, suspend, resume, remove, token.

    python -m local.nodes --state .local/node-8000 add ams.example.org    prints a token for its agent to join
    python -m local.nodes add bru.example.org --at here                   measures where the deployment runs
    python -m local.nodes token ams.example.org --expires 1d              another token, when that was lost
    python -m local.nodes --aws list                                      on AWS, with its credentials

Each has a host name of its own, by which the deployment serves it. Its tools are at its agent, or here. A
token works once, and for an hour unless ``--expires`` says otherwise. ``suspend`` has a node take nothing on;
``remove`` cancels its tasks. What is changed is known to a running node within ten seconds. ``--state`` is
as in local.credentials.
"""

import argparse
import datetime as dt
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from local import node_tables

if TYPE_CHECKING:
    from chalicelib.domain.served_nodes import ServedNode

_SHORT = re.compile(r"([1-9][0-9]{0,3})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AT_ONCE = 100


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.nodes", description="The nodes a deployment serves.")
    node_tables.add_state(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="register a node, and print a token for its agent")
    adding.add_argument("hostname")
    adding.add_argument("--at", choices=("agent", "here"), default="agent", help="where it measures")
    adding.add_argument("--url", default="", help="its API's root; https://HOSTNAME/pscheduler if absent")
    actions.add_parser("list", help="print one line for each node")
    named = {
        "show": "print everything known about a node, as JSON",
        "suspend": "stop a node from accepting tasks and taking runs",
        "resume": "let it accept tasks and take runs again",
        "remove": "stop serving a node, and cancel its tasks",
        "token": "print a new token for its agent; an unused one becomes invalid",
    }
    for name, text in named.items():
        actions.add_parser(name, help=text).add_argument("hostname")
    for one in (adding, actions.choices["token"]):
        one.add_argument("--expires", default="1h", help="how long the token is valid: 30m, 2d, or PT1H (1h)")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    return node_tables.report(arguments(words), done)


def done(given: argparse.Namespace) -> str:
    """Do what was asked for; what to print of it."""
    from chalicelib.domain.served_nodes import name_of
    from chalicelib.domain.times import UTC
    from chalicelib.service.coordination import removal
    from chalicelib.service.node import agent_secrets, node_directory, node_status, registration

    now = dt.datetime.now(UTC)
    if given.action == "list":
        return "".join(f"{_line(node)}\n" for node in _every())
    if given.action == "add":
        lifetime = _lifetime(given.expires)
        agent_secrets.require_lifetime(lifetime)
        node = registration.add(given.hostname, given.at, now, given.url)
        return f"{agent_secrets.new_join_token(node.node, now, lifetime)}\n" if node.runs_at_agent else ""
    name = name_of(given.hostname)
    match given.action:
        case "show":
            return f"{json.dumps(node_status.whole(node_directory.served(name)), indent=2)}\n"
        case "token":
            return f"{agent_secrets.new_join_token(name, now, _lifetime(given.expires))}\n"
        case "remove":
            removal.begin(name, now)
        case action:
            registration.change(name, lambda known: known.evolve(suspended=action == "suspend"))
    return ""


def _lifetime(text: str) -> dt.timedelta:
    """30m, 1h, 2d, or an ISO 8601 duration. Raises Invalid."""
    from chalicelib.domain.times import parse_duration

    short = _SHORT.fullmatch(text)
    return dt.timedelta(**{_UNITS[short[2]]: int(short[1])}) if short else parse_duration(text)


def _every() -> Iterator["ServedNode"]:
    from chalicelib.service.node import node_directory
    from chalicelib.store import node_registry

    yield from node_directory.of_environment()
    after = None
    while some := node_registry.page(_AT_ONCE, after):
        yield from some
        after = some[-1].node


def _line(node: "ServedNode") -> str:
    from chalicelib.store import node_registry

    said = (node_registry.contact(node.node) or {}) if node.runs_at_agent else {}
    heard = (
        f", last heard from at {said['at']}" if said else ", never heard from" if node.runs_at_agent else ""
    )
    suspended = ", suspended" if node.suspended else ""
    return f"{node.hostname}: tools {'at its agent' if node.runs_at_agent else 'here'}{suspended}{heard}"


if __name__ == "__main__":
    sys.exit(main())
