"""docs/agents.md, followed to the letter in the namespaces: its blocks of commands, where it says.

``make`` and ``pipx`` are stand-ins, which do what those do with the environments there are already.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

from agent.packaging.build import ROOT
from tests.fleet.fleet import ASKED, Fleet, environment
from tests.fleet.network import SITES

GUIDE = ROOT / "docs" / "agents.md"
BLOCK = re.compile(
    r"^```sh (coordinator|hosts|client)( runs)?\n(.*?)^```\n(?:\n```text\n(.*?)^```)?",
    re.DOTALL | re.MULTILINE,
)

_MAKE = """#!/bin/bash
set -eu
what=$1; shift
for variable in "$@"; do export "${variable?}"; done
case $what in
    wheel) exec %(python)s -m agent.packaging.build dist ;;
    run) exec %(python)s -m local.node --tls --no-first --period 3 \\
             --address "$ADDRESS" --port "$PORT" --state "$STATE" ;;
    *) echo "make $what: not in this stand-in"; exit 1 ;;
esac
"""
_PIPX = """#!/bin/bash
set -eu
[ "$1" = install ] && test -f "$2"
ln -sf %(programs)s/pscheduler-agent "$HOME/bin/"
"""


class Block(NamedTuple):
    """Commands of the guide: where they are given, whether what they start goes on, what they print."""

    where: str
    runs: bool
    script: str
    printed: str


def blocks() -> list[Block]:
    found = BLOCK.findall(GUIDE.read_text())
    return [Block(where, bool(runs), script, printed) for where, runs, script, printed in found]


def set_up(fleet: Fleet) -> None:
    """The first two chapters: a coordinator, and three hosts that joined."""
    _stand_ins(fleet)
    for block in blocks():
        if block.where == "coordinator":
            _at(fleet, "coordinator", block, fleet.folder)
        elif block.where == "hosts":
            for site in SITES:
                _at(fleet, site, block, _home(fleet, site))


def follow_as_client(fleet: Fleet) -> None:
    """The third: what a client measures, and what it sees of that."""
    for block in blocks():
        if block.where == "client":
            done = _run(fleet, "client", block.script, fleet.folder / "coordinator")
            expected = ".*".join(re.escape(part) for part in block.printed.strip().split("..."))
            assert done.returncode == 0, done.stderr
            assert re.fullmatch(expected, done.stdout.strip(), re.DOTALL), done.stdout


def _stand_ins(fleet: Fleet) -> None:
    folder = fleet.folder / "bin"
    folder.mkdir()
    for name, text in (("make", _MAKE), ("pipx", _PIPX)):
        (folder / name).write_text(text % {"python": sys.executable, "programs": fleet.programs})
        (folder / name).chmod(0o755)


def _home(fleet: Fleet, site: str) -> pathlib.Path:
    """The folder of whoever is at a host, with what was brought there."""
    home = fleet.folder / f"{site}-home"
    if not home.exists():
        (home / "bin").mkdir(parents=True)
        shutil.copy(fleet.folder / f"{site}.token", home / "token")
        shutil.copy(fleet.folder / "coordinator" / "authority.pem", home)
        for wheel in (ROOT / "dist").glob("pscheduler_agent-*.whl"):
            shutil.copy(wheel, home)
    return home


def _at(fleet: Fleet, where: str, block: Block, home: pathlib.Path) -> None:
    if not block.runs:
        done = _run(fleet, where, block.script, home)
        assert done.returncode == 0, f"{block.script}\n{done.stdout}{done.stderr}"
        return
    with (fleet.folder / f"{where}.log").open("ab") as log:
        command = fleet.net.inside(where, "bash", "-euc", block.script)
        fleet.processes[where] = subprocess.Popen(
            command, stdout=log, stderr=log, env=_variables(fleet, where, home), cwd=_cwd(where, home)
        )
    if where == "coordinator":
        fleet.until(lambda: fleet.ask("coordinator", "GET", "/")[0] == 200, 60, every=ASKED)
    else:
        fleet.until(lambda: fleet.status(where).get("contact"), 30)


def _run(fleet: Fleet, where: str, script: str, home: pathlib.Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        fleet.net.inside(where, "bash", "-euc", script),
        env=_variables(fleet, where, home),
        cwd=_cwd(where, home),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def _variables(fleet: Fleet, where: str, home: pathlib.Path) -> dict[str, str]:
    path = f"{home / 'bin'}:{fleet.folder / 'bin'}:{os.environ['PATH']}"
    kept = {"STATE_DIRECTORY": fleet.state(where)} if where in SITES else {}
    return environment(HOME=str(home), PATH=path, **kept)


def _cwd(where: str, home: pathlib.Path) -> pathlib.Path:
    return ROOT if where == "coordinator" else home
