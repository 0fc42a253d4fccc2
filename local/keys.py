"""The API keys of a node: add, list, revoke.

    python -m local.keys --state .local/node-8000 add probe                     prints the key, once
    python -m local.keys --state .local/node-8000 add desk --scope administer --expires P90D
    python -m local.keys --state .local/node-8000 list
    python -m local.keys --aws revoke probe                                     on AWS, with its credentials

A key is sent as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``. Its scope is read, measure (post tasks)
or administer (change everybody's), each including those before it. Where there is no policy, a key to
measure is let in; a policy knows keys by identifiers of the type api-key. ``--state`` is as in
local.credentials.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from local import node_tables

if TYPE_CHECKING:
    from chalicelib.service.node import api_keys


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.keys", description="API keys of a node.")
    node_tables.add_state(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="create a key, and print it")
    adding.add_argument("name", help="lower-case letters, digits and hyphens")
    adding.add_argument("--scope", default="measure", help="read, measure (the default) or administer")
    adding.add_argument("--expires", help="when it expires: a timestamp, or a duration from now such as P90D")
    actions.add_parser("list", help="print the names, scopes and expiry times of all keys")
    actions.add_parser("revoke", help="revoke a key").add_argument("name")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    return node_tables.report(arguments(words), done)


def done(given: argparse.Namespace) -> str:
    """Do what was asked for; what to print of it."""
    from chalicelib.domain.times import UTC, parse_absolute_or_relative
    from chalicelib.service.node import api_keys
    from chalicelib.settings import settings

    now = dt.datetime.now(UTC)
    if given.action == "list":
        return "".join(f"{_line(key, now)}\n" for key in api_keys.known(settings().node))
    if given.action == "revoke":
        api_keys.revoke(settings().node, given.name, now)
        return ""
    expires = parse_absolute_or_relative(given.expires, now) if given.expires else None
    return f"{api_keys.add(settings().node, given.name, given.scope, now, expires)}\n"


def _line(key: "api_keys.ApiKey", now: dt.datetime) -> str:
    end = (
        ""
        if key.expires is None
        else f", {'expired' if key.is_over(now) else 'until'} {key.expires.isoformat()}"
    )
    return f"{key.name}: {key.scopes[-1]}{end}"


if __name__ == "__main__":
    sys.exit(main())
