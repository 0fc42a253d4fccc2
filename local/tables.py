"""The tables of a node for a command beside it: one on this machine, running or not, or one on AWS."""

import argparse
import contextlib
import pathlib
import sys
from collections.abc import Callable, Iterator

from local import environment, ministack, node


def add_state(parser: argparse.ArgumentParser) -> None:
    """The option that says which node is meant."""
    parser.add_argument(
        "--state",
        type=pathlib.Path,
        help="folder of a node on this machine; without it, the account's on AWS",
    )


@contextlib.contextmanager
def tables_of(state: pathlib.Path | None) -> Iterator[None]:
    """The tables of the node that keeps its state in a folder; those the environment points at for None."""
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


def report(given: argparse.Namespace, work: Callable[[argparse.Namespace], str]) -> int:
    """Do a command's work on the tables asked for and print what it says; complaints are a line each."""
    from chalicelib.domain.errors import PSchedulerError

    try:
        with tables_of(given.state):
            print(work(given), end="")
    except (node.CannotStart, ministack.MiniStackTrouble, PSchedulerError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
