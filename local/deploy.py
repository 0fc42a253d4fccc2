"""Deploy a stage, or remove it: says what it would do, and asks.

    python -m local.deploy STAGE                 make deploy STAGE=...
    python -m local.deploy STAGE --remove        make undeploy STAGE=...
    python -m local.deploy STAGE --dry-run       what would change, and nothing else

``.chalice/stages/STAGE.json`` says what is particular to a stage (``local/deployment/stage.py``). Without one
the stack is called pscheduler-STAGE, and everything is as it usually is. Credentials and region are those of
the environment. ``--yes`` answers for you.
"""

import argparse
import collections
import dataclasses
import json
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain import state_version
from chalicelib.store import state_record
from local import package
from local.deployment import stage as stages
from local.deployment import stage_template
from local.deployment.stack import Change, Stack, StackError
from local.deployment.stage import OWN_NAME, Stage, StageError


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.deploy", description="Deploy a stage, or remove it.")
    parser.add_argument("stage")
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--remove", action="store_true", help="remove the stack; tables and bucket stay")
    doing.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    given = arguments(words)
    try:
        stage = stages.read(given.stage)
        stack = Stack(stage.stack, stage.region)
        return remove(stack, given.yes) if given.remove else deploy(stage, stack, given.yes, given.dry_run)
    except (StageError, StackError, package.PackagingError) as error:
        print(error, file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"A request to AWS failed: {error}", file=sys.stderr)
    return 1


def deploy(stage: Stage, stack: Stack, yes: bool = False, dry_run: bool = False) -> int:
    """Package, propose, ask, execute; a stack that is new is told its own name afterwards."""
    is_new = not stack.exists()
    require_version(stage, stack)
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        print("Packaging ...", flush=True)
        made = package.package(pathlib.Path(folder))
        print(f"{made.stat().st_size / 1e6:.1f} MB", flush=True)
        template = json.loads((pathlib.Path(folder) / "sam.json").read_text())
        where = stack.upload(made, package.digest(made))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = where
    if not _change(_named(stage, stack), stack, template, yes, dry_run):
        return 0 if dry_run else 1
    if is_new and OWN_NAME not in stage.environment:
        print(f"Configuring its name, {stack.hostname()} ...", flush=True)
        _change(_named(stage, stack), stack, template, yes=True, dry_run=False)
    for name, value in sorted(stack.outputs().items()):
        print(f"{name:16} {value}")
    return 0


def require_version(stage: Stage, stack: Stack) -> None:
    """Raise StackError where its tables are of a version that this release cannot go on with."""
    prefix = stage.parameters.get("Tables") or (stack.outputs().get("Prefix") if stack.exists() else None)
    node = {**stages.ENVIRONMENT, **stage.environment}["PSCHEDULER_NODE"]
    noted = stack.note(f"{prefix}-node", f"{node}#{state_record.NAME}") if prefix else None
    if noted and (objection := state_version.objection(state_record.as_noted(noted))):
        raise StackError(f"{prefix}: {objection}.")


def _named(stage: Stage, stack: Stack) -> Stage:
    """The stage with the name that API Gateway gave the node, unless it says another."""
    hostname = None if OWN_NAME in stage.environment else stack.hostname()
    if hostname is None:
        return stage
    return dataclasses.replace(stage, environment={**stage.environment, OWN_NAME: hostname})


def _change(stage: Stage, stack: Stack, template: dict[str, object], yes: bool, dry_run: bool) -> bool:
    """Propose, show, ask and execute. False where nothing was done that could have been."""
    name = f"deploy-{int(time.time() * 1000)}"
    changes = stack.propose(stage_template.applied(stage, template), stage.parameters, name)
    if not changes:
        print(f"{stack.name} in {stack.region} is up to date.")
        return True
    print(f"{'Change' if stack.exists() else 'Create'} the stack {stack.name} in {stack.region}:")
    print("\n".join(_shown(changes)), flush=True)
    if dry_run or not (yes or _agreed()):
        stack.withdraw(name)
        print("Nothing was changed.")
        return False
    print("Working; this takes some minutes ...", flush=True)
    stack.execute(name)
    return True


def _shown(changes: Sequence[Change]) -> list[str]:
    """The changes a line each; of a new stack how many of each kind."""
    if any(change.action != "Add" for change in changes):
        return [f"  {change}" for change in changes]
    kinds = collections.Counter(change.kind for change in changes)
    return [f"  Add {number:3} {kind}" for kind, number in sorted(kinds.items())]


def remove(stack: Stack, yes: bool = False) -> int:
    """Remove a stack. What holds data stays, and is named."""
    prefix = stack.outputs().get("Prefix", "")
    found = stack.resources()
    kept = [f"  {kind:36} {name}" for kind, name, stays in found if stays]
    print(f"Remove the stack {stack.name} in {stack.region}: {len(found) - len(kept)} resources.")
    print("\n".join(["These remain, with their contents:", *kept]), flush=True)
    if not (yes or _agreed()):
        print("Nothing was changed.")
        return 1
    stack.delete()
    print(f'Removed. To use the tables again, deploy with "parameters": {{"Tables": "{prefix}"}}.')
    return 0


def _agreed() -> bool:
    try:
        return input("Continue? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
