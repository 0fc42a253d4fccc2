"""Policies that say who may do what: checked, and explained, before a node has them.

    python -m local.limits check docs/policies/closed.json
    python -m local.limits explain my-policy.json --task task.json --requester 192.0.2.1
    python -m local.limits explain my-policy.json --task task.json --requester 192.0.2.1 \\
        --start 2026-11-26T08:00:00Z --duration PT10S --hint api-key=probe

FILE may also be ``s3://bucket/key``, a URL, or ``-`` for standard input. ``explain`` prints how a proposal is
judged, step by step, and ends with status 1 where it is refused. Without ``--task`` an idle of two seconds
is proposed; with ``--start`` it is a run of the task that is judged, and its priority shown.
"""

import argparse
import json
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.limits", description="Check and explain policies.")
    actions = parser.add_subparsers(dest="action", required=True)
    checking = actions.add_parser(
        "check", help="validate a policy and summarize it, or say what is wrong with it"
    )
    checking.add_argument("file")
    checking.add_argument("--quiet", action="store_true", help="print nothing if the policy is valid")
    explaining = actions.add_parser("explain", help="show how a policy decides about a task, and why")
    explaining.add_argument("file")
    explaining.add_argument("--task", help="file with the task; - for standard input")
    explaining.add_argument("--requester", default="127.0.0.1", help="address of the requester (127.0.0.1)")
    explaining.add_argument(
        "--hint", action="append", default=[], metavar="NAME=TEXT", help="an additional hint"
    )
    explaining.add_argument("--start", help="decide about a run that starts at this time")
    explaining.add_argument("--duration", default="PT10S", help="how long that run takes (PT10S)")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    from chalicelib.domain.errors import PSchedulerError

    given = arguments(words)
    try:
        policy = _policy(given.file)
    except (PSchedulerError, OSError, ValueError) as error:
        print(_located(given.file, error), file=sys.stderr)
        return 1
    try:
        passed, text = _checked(given, policy) if given.action == "check" else _explained(given, policy)
    except (PSchedulerError, ValueError) as error:  # what is wrong with the proposal
        print(error, file=sys.stderr)
        return 1
    print(text, end="")
    return 0 if passed else 1


def _located(file: str, error: Exception) -> str:
    """What is wrong with a policy, and which it is of, once."""
    text = str(error)
    return text if text.startswith(file) else f"{file}: {text}"


def _checked(given: argparse.Namespace, policy: Any) -> tuple[bool, str]:
    if given.quiet:
        return True, ""
    counts = ", ".join(
        f"{len(found)} {what}"
        for what, found in (
            ("identifiers", policy.identifiers),
            ("classifiers", policy.classifiers),
            ("limits", policy.limits),
            ("applications", policy.applications),
        )
    )
    return True, f"{given.file}: valid (schema {policy.schema}: {counts})\n"


def _policy(where: str) -> Any:
    from chalicelib.domain.limits.policy_document import parse
    from chalicelib.service.limits import lookups, policy_source

    text = sys.stdin.read() if where == "-" else policy_source.read(where)
    return parse(policy_source.document(text), lookups.jq())


def _explained(given: argparse.Namespace, policy: Any) -> tuple[bool, str]:
    from chalicelib.domain.limits import evaluation
    from chalicelib.domain.limits.limit_kinds import RUN_SCHEDULE, Proposal
    from chalicelib.service.limits import lookups

    task, is_run = _task(given.task), given.start is not None
    if is_run:
        task = {**task, RUN_SCHEDULE: {"start": given.start, "duration": given.duration}}
    proposal = Proposal(task, _hints(given))
    ruling = evaluation.judge(policy, proposal, lookups.surroundings(), not is_run, is_run)
    changed = ruling.task is not None and ruling.task != task
    rewritten = f"\nThe task as rewritten:\n{json.dumps(ruling.task, indent=4)}\n" if changed else ""
    return ruling.passed, f"{ruling.diags}\n{rewritten}"


def _task(where: str | None) -> dict[str, Any]:
    from chalicelib.domain.documents import load
    from chalicelib.domain.errors import Invalid

    if where is None:
        return IDLE
    try:
        text = sys.stdin.read() if where == "-" else pathlib.Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found = load(text, where)
    if not isinstance(found, dict):
        raise Invalid(f"{where}: must be a JSON object")
    return found


def _hints(given: argparse.Namespace) -> Mapping[str, Any]:
    from chalicelib.domain.errors import Invalid
    from chalicelib.domain.limits import hints
    from chalicelib.domain.limits.networks import address

    if address(given.requester) is None:
        raise Invalid(f"--requester: {given.requester!r} is not an IP address")
    pairs = [text.partition("=") for text in given.hint]
    if any(not sign for _, sign, _ in pairs):
        raise Invalid("--hint: must be NAME=TEXT")
    found: dict[str, Any] = {hints.REQUESTER: given.requester, **{name: text for name, _, text in pairs}}
    if hints.API_SCOPES in found:
        found[hints.API_SCOPES] = found[hints.API_SCOPES].split(",")
    return found


if __name__ == "__main__":
    sys.exit(main())
