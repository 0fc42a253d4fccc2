"""The credentials of proxies that may name the requester of a task: add, list, remove.

    python -m local.credentials --state .local/node-8000 add gateway    prints the key, once
    python -m local.credentials --state .local/node-8000 list
    python -m local.credentials remove gateway                          on AWS, with its credentials

``--state`` is the folder of a node on this machine, running or not. Without it the tables are those of
the AWS account of the environment; PSCHEDULER_PREFIX and PSCHEDULER_NODE say which, as in
.chalice/config.json. A key of one's own is read from standard input with ``add --key-from-stdin NAME``.
"""

import argparse
import contextlib
import pathlib
import secrets
import sys
from collections.abc import Iterator, Sequence

from local import environment, ministack, node

KEY_BYTES = 32


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.credentials", description="Credentials of trusted proxies.")
    parser.add_argument("--state", type=pathlib.Path, help="folder of a node on this machine")
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="store a credential, and print its key")
    adding.add_argument("name")
    adding.add_argument("--key-from-stdin", action="store_true", help="take this key instead of a new one")
    actions.add_parser("list", help="print the names that have one")
    actions.add_parser("remove", help="forget a credential").add_argument("name")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    given = arguments(words)
    try:
        with tables_of(given.state):
            print(done(given), end="")
    except (node.CannotStart, ministack.MiniStackTrouble) as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def tables_of(state: pathlib.Path | None) -> Iterator[None]:
    """The tables of a node on this machine, whether it runs or not, or those of the environment."""
    if state is None:
        yield
        return
    if not state.is_dir():
        raise node.CannotStart(f"There is no folder {state}")
    running, found = ministack.start(node.ministack_python(), state)
    environment.set_environment(running.endpoint)
    environment.create_everything()
    try:
        yield
    finally:
        if not found:
            running.stop()


def done(given: argparse.Namespace) -> str:
    """Do what was asked for; what to print of it."""
    from chalicelib.domain.errors import PSchedulerError
    from chalicelib.service import credentials

    try:
        if given.action == "list":
            return "".join(f"{name}\n" for name in credentials.known())
        if given.action == "remove":
            credentials.remove(given.name)
            return ""
        key = sys.stdin.readline().strip() if given.key_from_stdin else secrets.token_urlsafe(KEY_BYTES)
        credentials.add(given.name, key)
        return "" if given.key_from_stdin else f"{key}\n"
    except PSchedulerError as trouble:
        raise node.CannotStart(trouble.message) from trouble


if __name__ == "__main__":
    sys.exit(main())
