"""The unit for systemd and the container file: they name what is there, and systemd takes the unit."""

import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from agent import main
from agent.packaging import build

FOLDER = build.ROOT / "agent/packaging"
UNIT, CONTAINER = FOLDER / "pscheduler-agent.service", FOLDER / "Containerfile"
LONGEST_STOP = 10.0
"""Seconds that an agent may take to end, well below what systemd gives it."""


def settings(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", text, re.MULTILINE))


def instructions() -> list[tuple[str, str]]:
    """What the container file says, a word and the rest, lines that go on joined."""
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text().replace("\\\n", " "), flags=re.MULTILINE)
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: pathlib.Path) -> None:
    text = UNIT.read_text().replace("/usr/local/bin/pscheduler-agent", sys.executable)
    (tmp_path / UNIT.name).write_text(text)
    (tmp_path / "wrong.service").write_text(text.replace("MemoryMax=2G", "MemoryMax=plenty"))

    def verified(name: str) -> str:
        command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        lines = (said.stdout + said.stderr).splitlines()
        return "\n".join(line for line in lines if name in line)

    assert verified(UNIT.name) == ""
    assert "plenty" in verified("wrong.service")


def test_the_unit_runs_the_agent_and_keeps_its_state_where_root_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = settings(UNIT.read_text())
    program, *words = shlex.split(known["ExecStart"])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)

    given = main._parser().parse_args(words)

    assert pathlib.Path(program).name == "pscheduler-agent"
    assert given.command is main.run
    assert main.default_state() == pathlib.Path("/var/lib") / known["StateDirectory"]
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/private/pscheduler-agent")
    assert main.default_state() == pathlib.Path("/var/lib/private/pscheduler-agent")


def test_the_unit_has_no_more_rights_than_tools_need() -> None:
    known = settings(UNIT.read_text())

    for name in ("CapabilityBoundingSet", "AmbientCapabilities"):
        assert known[name] == "CAP_NET_RAW CAP_NET_BIND_SERVICE"
    assert known["DynamicUser"] == known["NoNewPrivileges"] == "yes"
    assert known["ProtectSystem"] == "strict"
    assert float(known["TimeoutStopSec"]) > LONGEST_STOP


def test_the_container_takes_the_wheel_that_is_built_and_runs_without_root() -> None:
    said = instructions()
    (copied,) = (rest for word, rest in said if word == "COPY")
    pattern, target = copied.split()
    words = [word for word, _ in said]
    installs = [rest for word, rest in said if word == "RUN" and "pip install" in rest]

    assert words[0] == "FROM"
    assert pathlib.PurePath(f"dist/pscheduler_agent-{build.VERSION}-py3-none-any.whl").match(pattern)
    assert [f"{target}{pathlib.PurePath(pattern).name}" in rest for rest in installs] == [True]
    assert dict(said)["USER"] == "agent"
    assert words.index("USER") > max(place for place, word in enumerate(words) if word == "RUN")
    assert dict(said)["ENTRYPOINT"] == '["pscheduler-agent"]'
    assert main._parser().parse_args(["run"]).command is main.run
    assert dict(said)["CMD"] == '["run"]'


def test_the_state_of_the_container_is_in_its_volume() -> None:
    said = instructions()
    (home,) = re.findall(r"--home-dir (\S+)", " ".join(rest for word, rest in said if word == "RUN"))

    assert dict(said)["VOLUME"] == home
