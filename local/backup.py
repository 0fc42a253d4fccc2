"""A copy of all a node keeps, made while it runs.

    python -m local.backup --state .local/node-8000 /somewhere/else/monday
    make run STATE=/somewhere/else/monday                  a node that starts from it

The copy is a state folder: all of the state at one instant, or nothing. ``--state`` as for local.credentials.
It holds what the node holds, keys of tasks and credentials in archivers' specs among it, and is readable by
its owner alone.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

from local import engine_sqlite, log_files, node_options, node_tables
from local.engine import EngineError, online_copy
from local.start_checks import CannotStart


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.backup", description="Copy a node's state while it runs.")
    parser.add_argument(
        "--state",
        type=node_options.folder,
        help="the node's state folder, whether or not it is running; if absent, the environment variable"
        " STATE, or the only node in .local/",
    )
    parser.add_argument("to", type=pathlib.Path, help="folder for the copy; created if it does not exist")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    given = arguments(words)
    try:
        state = node_tables.state_of(given)
        size = copy(state, given.to)
    except (CannotStart, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    log_files.say(
        f"{given.to} holds the state of {state}, {size / 1e6:.1f} MB; start it with make run STATE={given.to}"
    )
    return 0


def copy(state: pathlib.Path, to: pathlib.Path) -> int:
    """Make a state folder like another. How many bytes it has; raises CannotStart or EngineError."""
    engine_sqlite.require_own(state)
    if not engine_sqlite.is_kept_in(state):
        raise CannotStart(f"{state} is not the folder of a node: it holds no {engine_sqlite.FILE}")
    made = not to.exists()
    try:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(to.iterdir()):
            raise CannotStart(f"{to} is not empty: choose an empty folder, or one that does not exist yet")
    except OSError as error:
        raise CannotStart(f"Cannot use the folder {to} ({error.strerror}): choose another") from error
    try:
        size = online_copy.copy(state / engine_sqlite.FILE, to / engine_sqlite.FILE)
    except EngineError:
        if made:
            to.rmdir()
        raise
    (to / engine_sqlite.FILE).chmod(0o600)
    return size


if __name__ == "__main__":
    sys.exit(main())
