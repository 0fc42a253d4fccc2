"""Two network namespaces with a wire between them, for tools that set interfaces up."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed
from tests.plugins.networks import ip

SERVER = "198.51.100.1"


class Wire:
    """``here`` is the end under test, its interface called that too; at ``there`` somebody answers."""

    def __init__(self) -> None:
        name = uuid.uuid4().hex[:6]
        self.spaces = {end: f"wire-{name}-{end}" for end in ("here", "there")}

    def build(self) -> None:
        for space in self.spaces.values():
            ip("netns", "add", space)
        here, there = self.spaces.values()
        ip("link", "add", "here", "netns", here, "type", "veth", "peer", "name", "there", "netns", there)
        ip("-n", here, "link", "set", "here", "up")
        ip("-n", there, "link", "set", "there", "up")
        ip("-n", there, "address", "add", f"{SERVER}/24", "dev", "there")

    def remove(self) -> None:
        for space in self.spaces.values():
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, timeout=20, check=False)

    def machine(self, *options: str) -> Machine:
        """The machine at the end under test; programs get these options before their own."""
        space = self.spaces["here"]

        class Here(Machine):
            def execute(self, argv: Sequence[str], *more: Any, **named: Any) -> Completed:
                command = ["ip", "netns", "exec", space, argv[0], *options, *argv[1:]]
                return super().execute(command, *more, **named)

        return Here()

    @contextlib.contextmanager
    def answering(self, *argv: str, ready: str, log: pathlib.Path) -> Iterator[None]:
        """A program at the other end, once it has said that it is ready."""
        command = ["ip", "netns", "exec", self.spaces["there"], *argv]
        with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said) as program:
            try:
                deadline = time.monotonic() + 20
                while ready not in log.read_text(errors="replace"):
                    if program.poll() is not None or time.monotonic() > deadline:
                        pytest.skip(f"{argv[0]} does not work here: {log.read_text(errors='replace')}")
                    time.sleep(0.05)
                yield
            finally:
                program.terminate()


@contextlib.contextmanager
def wire(*programs: str) -> Iterator[Wire]:
    """A wire; the test is skipped where there can be none, or a program it needs is missing."""
    missing = [program for program in ("ip", *programs) if not shutil.which(program)]
    if sys.platform != "linux" or os.geteuid() != 0 or missing:
        pytest.skip(f"needs Linux, root, and the programs ip {' '.join(programs)}")
    made = Wire()
    try:
        made.build()
        yield made
    except subprocess.SubprocessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")
    finally:
        made.remove()
