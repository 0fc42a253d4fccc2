"""What an operator switches: the pause, and how much is logged.

    python -m local.control --state .local/node-8000 pause PT30M    start no runs for half an hour
    python -m local.control --state .local/node-8000 pause --query  paused? exit code 0, else 1
    python -m local.control pause                                   ... of the only node here, until resumed
    python -m local.control --state .local/node-8000 resume
    python -m local.control --aws debug on                          on AWS, with its credentials

``--state`` as for local.credentials. Runs that come up during a pause are missed; those under way go on.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from local import node_tables


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="local.control", description="Pause a node, and turn its debug logging on or off."
    )
    node_tables.add_state(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    pausing = actions.add_parser("pause", help="start no runs")
    pausing.add_argument("duration", nargs="?", help="how long, in ISO 8601 (PT30M); until resumed if absent")
    pausing.add_argument(
        "--query", "-q", action="store_true", help="change nothing; exit with status 0 if paused, 1 if not"
    )
    actions.add_parser("resume", help="start runs again")
    actions.add_parser("debug", help="turn debug logging on or off").add_argument(
        "switch", choices=("on", "off")
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    return node_tables.report(arguments(words), done)


def done(given: argparse.Namespace) -> str:
    """Do what was asked for; what to print of it. Raises Invalid, and NotFound where there is no pause."""
    from chalicelib.domain.times import UTC, parse_duration
    from chalicelib.service.node import debug, pause
    from chalicelib.settings import settings

    if given.action == "pause" and given.query:
        return _described(given.duration, pause.describe(settings().node, dt.datetime.now(UTC)))
    if given.action == "debug":
        debug.switch(given.switch == "on")
        return f"Debugging is {given.switch}\n"
    if given.action == "resume":
        pause.resume(settings().node)
        return "Runs are started again\n"
    if given.duration is None:
        pause.pause(settings().node, None)
        return "No runs are started until resumed\n"
    until = dt.datetime.now(UTC) + parse_duration(given.duration)
    pause.pause(settings().node, until)
    return f"No runs are started until {until.isoformat(timespec='seconds')}\n"


def _described(duration: str | None, state: Mapping[str, Any]) -> str:
    from chalicelib.domain.errors import Invalid, NotFound

    if duration is not None:
        raise Invalid("pause --query changes nothing and takes no duration")
    if not state["is_paused"]:
        raise NotFound("The node is not paused")
    left = "until resumed" if state["infinite"] else f"for another {state['remaining']}"
    return f"No runs are started {left}\n"


if __name__ == "__main__":
    sys.exit(main())
