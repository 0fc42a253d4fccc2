"""What is in the agent's wheel, and that it works by itself."""

import json
import pathlib
import subprocess

import pytest

from agent.packaging import build
from agent.version import VERSION
from tests.agent.wheel import installed, pip

_EVERYTHING = """
import importlib, json, pkgutil, sys
import agent, chalicelib, plugins
found = []
for package in (agent, chalicelib, plugins):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
        found.append(module.name)
from chalicelib.host import facts
known = facts.gather()
print(json.dumps({"modules": found, "loaded": sorted(sys.modules), "facts": known}))
"""


@pytest.fixture(scope="module")
def programs() -> pathlib.Path:
    return installed()


def run(*argv: str | pathlib.Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, cwd="/", env={})


@pytest.mark.slow
def test_the_program_is_there_and_says_what_it_does(programs: pathlib.Path) -> None:
    said = run(programs / "pscheduler-agent", "--help")
    version = run(programs / "pscheduler-agent", "--version")

    assert said.returncode == 0, said.stderr
    assert all(word in said.stdout for word in ("join", "run", "status", "rotate", "leave"))
    assert version.stdout.strip() == f"pscheduler-agent {VERSION}"


@pytest.mark.slow
def test_every_module_is_there_that_one_needs_and_nothing_of_a_node(programs: pathlib.Path) -> None:
    said = run(programs / "python", "-W", "error", "-c", _EVERYTHING)

    assert said.returncode == 0, said.stderr
    known = json.loads(said.stdout)
    tops = {name.partition(".")[0] for name in known["loaded"]}
    assert not tops & {"chalice", "pynamodb", "boto3", "botocore", "moto", "local"}
    assert not [
        name for name in known["modules"] if "archivers" in name or ".store" in name or ".api" in name
    ]
    assert "agent.main" in known["modules"]
    assert known["facts"]["tools"]["s3-benchmark"]["unmet"] == [
        "The library botocore is missing: pip install pscheduler-agent[s3]"
    ]
    assert known["facts"]["tools"]["snooze"]["unmet"] == []


@pytest.mark.slow
def test_nothing_is_installed_with_it_that_it_does_not_need(programs: pathlib.Path) -> None:
    said = run(*pip(programs, "list", "--format", "json"))

    names = {each["name"].lower() for each in json.loads(said.stdout)}
    assert "pscheduler-agent" in names
    assert not names & {"boto3", "botocore", "chalice", "pynamodb", "pika", "pg8000", "jq"}


def test_all_plugins_but_archivers_are_in_it() -> None:
    modules = build.closure(build.FIRST)
    of_tools = {
        ".".join(path.relative_to(build.ROOT).with_suffix("").parts) for path in _files("plugins/tools")
    }
    of_tests = {
        ".".join(path.relative_to(build.ROOT).with_suffix("").parts) for path in _files("plugins/tests")
    }

    assert of_tools <= modules
    assert of_tests <= modules
    assert not [name for name in modules if name.startswith("plugins.archivers")]


def _files(folder: str) -> list[pathlib.Path]:
    return [path for path in (build.ROOT / folder).rglob("*.py") if path.name != "__init__.py"]
