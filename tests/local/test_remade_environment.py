"""A node goes on while environments are made beside the one it runs in. On a checkout of its own."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import site
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.nodes import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("app.py", "chalicelib", "plugins", "local", "vendor")
MAKE = """
import pathlib, subprocess, sys
from local import bootstrap
def made(environments):
    for each in environments:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(each)], check=True)
        packages = next(each.glob("lib/python*/site-packages"))
        (packages / "those-of-the-tests.pth").write_text({packages!r})
        (each / "complete").touch()
bootstrap._make_all = made
print(*bootstrap.bring_up_to_date(pathlib.Path(".local").absolute(), ["node"]))
"""
"""Making an environment without the network: it finds packages where these tests do."""


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns("*.pyc.*")  # which others are about to rename
            shutil.copytree(ROOT / part, tmp_path / part, symlinks=True, ignore=ignore)
        else:
            shutil.copy(ROOT / part, tmp_path)
    for file in ROOT.glob("requirements*.txt"):
        shutil.copy(file, tmp_path)
    return tmp_path


def make(checkout: pathlib.Path) -> pathlib.Path:
    """Have an environment for what the checkout says is needed."""
    code = MAKE.format(packages="\n".join(site.getsitepackages()))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, env=plain(), capture_output=True, text=True, check=True
    )
    return pathlib.Path(done.stdout.split()[-1])


def plain() -> dict[str, str]:
    """The environment without what is said in it for these tests."""
    ours = ("PYTHON", "PSCHEDULER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextlib.contextmanager
def node(checkout: pathlib.Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A node started as ``make run`` starts it."""
    command = [sys.executable, "local/bootstrap.py", "node", "-m", "local.node", "--port", str(port)]
    log = (checkout / f"{port}.log").open("w+")
    process = subprocess.Popen(
        [*command, "--no-first", "--period", "1"],
        cwd=checkout,
        env=plain(),
        stdout=log,
        stderr=log,
        text=True,
    )
    try:
        wait_for(lambda: "Serving" in (checkout / f"{port}.log").read_text() or process.poll() is not None)
        assert process.poll() is None, (checkout / f"{port}.log").read_text()
        yield process
    finally:
        process.kill()
        process.wait(30)
        log.close()


def wait_for(what: Any, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


def ask(port: int, path: str, document: Any = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    url = path if path.startswith("http") else f"http://127.0.0.1:{port}/pscheduler{path}"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def archived(port: int) -> Any:
    """A measurement from its posting to its archive, through a script, for which there is a worker."""
    transform = {"script": "{succeeded: .result.succeeded}"}
    task = {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT1S"}},
        "schedule": {},
        "archives": [{"archiver": "bitbucket", "data": {}, "transform": transform}],
    }

    def posted() -> str:
        return str(ask(port, f"{ask(port, '/tasks', task)}/runs/first")["href"])

    run = posted()

    def done() -> Any:
        nonlocal run
        found = ask(port, run)
        if found["state"] == "missed":  # this machine was too busy to begin it in time
            run = posted()
        archivings = found.get("archivings", [])
        return archivings if archivings and archivings[0]["archived"] else None

    return wait_for(done)


def workers(of: int) -> list[int]:
    """The processes a node has for scripts."""
    found = []
    for each in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == of and b"jq_child" in (each / "cmdline").read_bytes():
                found.append(int(each.name))
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_node_serves_on_starts_workers_and_stops_while_its_environment_is_superseded(
    checkout: pathlib.Path,
) -> None:
    first, port = make(checkout), free_port()
    with node(checkout, port) as running:
        assert archived(port)
        old = workers(running.pid)
        assert old

        with (checkout / "requirements-node.txt").open("a") as requirements:
            requirements.write("# other ones\n")
        second = make(checkout)
        assert second != first
        assert (checkout / ".local/venv").resolve() == second.resolve()
        other = free_port()
        with node(checkout, other):  # the next one, beside it
            assert archived(other)
        for worker in old:
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not set(workers(running.pid)) & set(old))

        assert archived(port)
        assert set(workers(running.pid)) - set(old)
        assert first.exists()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    assert "Stopped." in (checkout / f"{port}.log").read_text()

    with (checkout / "requirements-node.txt").open("a") as requirements:
        requirements.write("# and other ones again\n")
    make(checkout)
    assert not first.exists()  # nobody runs in it any more
