"""What a node is started with: the options of ``local.node``, and what they come to."""

import argparse
import os
import pathlib

from chalicelib.domain import numerals
from local.start_checks import CannotStart

FOLDER = pathlib.Path(__file__).resolve().parent.parent
ENGINES = ("sqlite", "moto", "ministack")
"""What may answer for AWS: the embedded engine, which keeps its state; moto, which forgets it; MiniStack, the
cloud stand-in of the tests."""
SHORTEST_PERIOD, LONGEST_PERIOD = 0.1, 3600
"""Seconds between ticks: with less the clocks do nothing else, with more runs would begin hours late."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.node", description="A pScheduler node on this machine.")
    parser.add_argument("--port", default="8000", help="TCP port of the API (8000)")
    parser.add_argument("--address", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    parser.add_argument(
        "--state",
        type=folder,
        help="folder that holds the node's state (.local/node-PORT)",
    )
    parser.add_argument(
        "--engine", default="sqlite", help=f"what keeps the state: {', '.join(ENGINES)} (sqlite)"
    )
    parser.add_argument(
        "--tls", action="store_true", help="serve HTTPS with a certificate generated at startup"
    )
    parser.add_argument("--no-first", action="store_true", help="skip the first measurement")
    parser.add_argument(
        "--processes",
        type=integer,
        choices=(1, 2),
        help="2: clocks and queues have a process of their own (2 if there is a second core, else 1)",
    )
    parser.add_argument(
        "--period", default="15", help=f"seconds between ticks, {SHORTEST_PERIOD} to {LONGEST_PERIOD} (15)"
    )
    given = parser.parse_args()
    given.port, given.period = port(given.port), period(given.period)
    if given.engine not in ENGINES:
        raise CannotStart(
            f"There is no engine {given.engine!r}: choose one of {', '.join(ENGINES)} with ENGINE="
        )
    if given.processes == 2 and given.engine != "sqlite":
        raise CannotStart(f"A node on {given.engine} is one process: leave PROCESSES= out")
    given.processes = given.processes or (min(2, cores()) if given.engine == "sqlite" else 1)
    given.state = given.state or default_state(given.address, given.port)
    return given


def port(text: str) -> int:
    """A TCP port, as it is written. Raises CannotStart."""
    number = numerals.whole(text, 5)
    if number and number < 65536:
        return number
    raise CannotStart(f"There is no port {text!r}: choose one from 1 to 65535 with PORT=")


def period(text: str) -> float:
    """Seconds between ticks, as they are written. Raises CannotStart."""
    seconds = numerals.decimal(text)
    if seconds is not None and SHORTEST_PERIOD <= seconds <= LONGEST_PERIOD:
        return seconds
    raise CannotStart(
        f"There is no period {text!r}: choose --period from {SHORTEST_PERIOD} to {LONGEST_PERIOD} seconds"
    )


def integer(text: str) -> int:
    """An option that is an integer. Raises ArgumentTypeError."""
    number = numerals.integer(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not an integer")
    return number


def folder(text: str) -> pathlib.Path | None:
    """A folder as it is named; an empty name, as of a variable that is not set, is none."""
    return pathlib.Path(text) if text else None


def default_state(address: str, port: int) -> pathlib.Path:
    """Where a node keeps its state if nothing is said: two nodes on one port have two addresses."""
    name = f"node-{port}" if address == "127.0.0.1" else f"node-{address.replace(':', '-')}-{port}"
    return FOLDER / ".local" / name


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def base(given: argparse.Namespace) -> str:
    address = f"[{given.address}]" if ":" in given.address else given.address
    return f"{'https' if given.tls else 'http'}://{address}:{given.port}/pscheduler"
