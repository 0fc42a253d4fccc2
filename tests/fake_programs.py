"""Stand-ins for programs that tools wrap, for tests to which it only matters that they are found."""

import os
import pathlib
import shlex
import shutil

VERSIONS = {"iperf3": "iperf 3.12 (cJSON 1.7.15)"}
"""What is printed by those that are asked for their versions, whatever they are told to do."""


def path_with(folder: pathlib.Path, *programs: str) -> str:
    """A PATH on which each of these programs is found: the machine's, or else one made in the folder.

    The stand-ins come last, so that those that are installed are preferred.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for program in programs:
        if not shutil.which(program):
            make(folder, program)
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(folder)])


def make(folder: pathlib.Path, program: str) -> pathlib.Path:
    """A program that prints its version, if anything, and succeeds."""
    made = folder / program
    made.write_text(f"#!/bin/sh\necho {shlex.quote(VERSIONS.get(program, ''))}\n")
    made.chmod(0o755)
    return made
