"""The credentials of proxies that may name the requester of a task: add, list, remove.

    python -m local.credentials --state .local/node-8000 add gateway    prints the key, once
    python -m local.credentials --state .local/node-8000 list
    python -m local.credentials --aws remove gateway                    on AWS, with its credentials

``--state`` is the folder of a node on this machine, running or not; without it, the one that STATE of the
environment names, or the only one in .local/. With ``--aws`` the tables are those of the AWS account of the
environment; PSCHEDULER_PREFIX and PSCHEDULER_NODE say which, as in .chalice/config.json. A key of one's own
is read from standard input with ``add --key-from-stdin NAME``.
"""

import argparse
import datetime as dt
import secrets
import sys
from collections.abc import Sequence

from local import node_tables

KEY_BYTES = 32


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.credentials", description="Credentials of trusted proxies.")
    node_tables.add_state(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="store a credential, and print its key")
    adding.add_argument("name")
    adding.add_argument(
        "--key-from-stdin",
        action="store_true",
        help="read the key from standard input instead of generating one",
    )
    actions.add_parser("list", help="print the names of all credentials")
    actions.add_parser("remove", help="delete a credential").add_argument("name")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    return node_tables.report(arguments(words), done)


def done(given: argparse.Namespace) -> str:
    """Do what was asked for; what to print of it."""
    from chalicelib.domain.times import UTC
    from chalicelib.service.node import proxy_credentials
    from chalicelib.settings import settings

    now = dt.datetime.now(UTC)
    if given.action == "list":
        return "".join(f"{name}\n" for name in proxy_credentials.known(settings().node))
    if given.action == "remove":
        proxy_credentials.remove(settings().node, given.name, now)
        return ""
    key = sys.stdin.readline().strip() if given.key_from_stdin else secrets.token_urlsafe(KEY_BYTES)
    proxy_credentials.add(settings().node, given.name, key, now)
    return "" if given.key_from_stdin else f"{key}\n"


if __name__ == "__main__":
    sys.exit(main())
