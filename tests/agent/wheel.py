"""The agent's wheel, installed as a host's owner would: in an environment of its own."""

import fcntl
import hashlib
import pathlib
import subprocess
import sys
import tempfile

from agent.packaging import build

KEPT = build.ROOT / ".local" / "agents"
"""Environments made before, by what is in the wheel: an installation takes half a minute."""


def installed() -> pathlib.Path:
    """The ``bin`` of an environment that has the agent as it is now, and nothing else."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        build.stage(pathlib.Path(folder))
        environment = KEPT / _digest(pathlib.Path(folder))
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (environment / "complete").exists():
            _make(environment)
    return environment / "bin"


def _digest(folder: pathlib.Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _make(environment: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build.main(folder)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", environment], check=True)
        subprocess.run(pip(environment / "bin", "install", "-q", wheel), check=True, capture_output=True)
    (environment / "complete").touch()


def pip(programs: pathlib.Path, *words: str | pathlib.Path) -> list[str | pathlib.Path]:
    """A command line of pip for an environment, which need not have one: to install it takes four seconds."""
    whose = ("--python", programs / "python", "--disable-pip-version-check")
    return [sys.executable, "-m", "pip", *whose, *words]
