"""The tables of a node for a command beside it: one on this machine, running or not, or one on AWS."""

import argparse
import contextlib
import os
import pathlib
import sys
from collections.abc import Callable, Iterator

from chalicelib.settings import forget_settings
from local import engine_sqlite, environment
from local.engine import EngineError
from local.node_options import FOLDER, folder
from local.start_checks import CannotStart


def add_state(parser: argparse.ArgumentParser) -> None:
    """The options that say which node is meant."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--state",
        type=folder,
        help="the node's state folder, whether or not it is running; if absent, the environment variable"
        " STATE, or the only node in .local/",
    )
    which.add_argument(
        "--aws", action="store_true", help="a node on AWS, in the account of the environment's credentials"
    )
    which.add_argument("--stage", help="a node on AWS, by the name of its stage")


def state_of(given: argparse.Namespace, kept_in: pathlib.Path = FOLDER / ".local") -> pathlib.Path:
    """The folder of the node that is meant. Raises CannotStart where that cannot be told."""
    if given.state is not None:
        return pathlib.Path(given.state)
    if os.environ.get("STATE"):
        return pathlib.Path(os.environ["STATE"])
    found = sorted(folder for folder in kept_in.glob("node-*") if engine_sqlite.is_kept_in(folder))
    if len(found) == 1:
        return found[0]
    here = f"there are {', '.join(map(str, found))}" if found else f"there is none in {kept_in}"
    raise CannotStart(f"Say which node: --state FOLDER ({here}), or --aws for one on AWS")


@contextlib.contextmanager
def tables_of(state: pathlib.Path) -> Iterator[None]:
    """The tables of the node that keeps its state in a folder, or will: an empty one becomes a node's."""
    if not state.is_dir():
        raise CannotStart(f"There is no folder {state}: make run makes one")
    engine_sqlite.require_own(state)
    if not engine_sqlite.is_kept_in(state) and any(state.iterdir()):
        raise CannotStart(f"{state} is not the folder of a node: it holds no {engine_sqlite.FILE}")
    environment.set_environment()
    with engine_sqlite.opened(state):
        environment.create_everything()
        engine_sqlite.tidy()
        yield


def _chosen(given: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """The tables that are meant. Raises CannotStart where that cannot be told."""
    if given.stage:
        _deployed(given.stage)
    return contextlib.nullcontext() if given.aws or given.stage else tables_of(state_of(given))


def _deployed(name: str) -> None:
    """Turn to the tables of a stage, under the name that its node has in them."""
    from botocore.exceptions import BotoCoreError, ClientError

    from local.deployment import stage as stages
    from local.deployment.stack import Stack, StackError

    try:
        stage = stages.read(name)
        stack = Stack(stage.stack, stage.region)
        outputs = stack.outputs()
    except (stages.StageError, StackError, BotoCoreError, ClientError) as error:
        raise CannotStart(f"The stage {name} cannot be looked up: {error}") from error
    os.environ.update({**stages.ENVIRONMENT, **stage.environment})
    os.environ.update(PSCHEDULER_PREFIX=outputs["Prefix"], PSCHEDULER_BUCKET=outputs["Bucket"])
    os.environ["AWS_DEFAULT_REGION"] = stack.region
    forget_settings()


def report(given: argparse.Namespace, work: Callable[[argparse.Namespace], str]) -> int:
    """Do a command's work on the tables asked for and print what it says; complaints are a line each."""
    from chalicelib.domain.errors import PSchedulerError
    from chalicelib.store.store_errors import STORE_ERRORS

    try:
        with _chosen(given):
            print(work(given), end="")
    except (CannotStart, EngineError, PSchedulerError) as error:
        print(error, file=sys.stderr)
    except STORE_ERRORS as error:
        print(f"The tables cannot be used: {error}", file=sys.stderr)
    else:
        return 0
    return 1
