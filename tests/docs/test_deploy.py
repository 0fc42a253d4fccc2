"""docs/deploy.md from its beginning to its end: each command as it stands there, against MiniStack.

What cannot be so is named in ELSEWHERE with the reason; a command that is neither run nor named fails a test.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chalicelib.domain.schemas import JSON
from local import ministack
from local.deployment import stage as stages
from tests.conftest import ministack_python
from tests.docs import aws_command
from tests.local.test_remade_environment import MAKE, PARTS, plain

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).parent
PAGE = ROOT / "docs/deploy.md"
SERVICES = "apigateway,cloudformation,dynamodb,events,iam,lambda,logs,monitoring,s3,sns,sqs,sts"
BLOCK = re.compile(r"(?:^ {4,}\S.*\n(?:^\n(?=^ {4,}\S))?)+", re.MULTILINE)
ELSEWHERE = {
    "aws configure": "it asks for an account's credentials",
    "aws acm": "MiniStack gives no certificates, and no names that they could be for",
    "aws lambda": "MiniStack has no pollers to provision, and the mapping is not named",
    "OLD=": "MiniStack keeps no past",
    "fields ": "a query for CloudWatch's page of logs",
}
"""What a block begins with that is not run here, and why."""
COMMANDS = ("make ", "aws ", "export ", "python3 ", "curl ", "mkdir ", "echo ", "PLAN=", "for ")


def blocks() -> list[str]:
    """The indented blocks of the page, without their indentation, in order."""
    found = []
    for block in BLOCK.findall(PAGE.read_text()):
        lines = block.splitlines()
        least = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        found.append("\n".join(line[least:] for line in lines))
    return found


def to_run() -> list[str]:
    """The commands that are run, block by block."""
    found = []
    for block in blocks():
        lines = [line for line in block.splitlines() if not line.startswith("aws configure")]
        if not lines[0].startswith(("{", *ELSEWHERE)):
            found.append("\n".join(lines))
    return found


def test_every_block_is_run_or_a_stages_file_or_named_as_run_elsewhere() -> None:
    assert len(to_run()) >= 11
    for block in blocks():
        assert block.startswith((*COMMANDS, *ELSEWHERE, "{")), block


def test_what_a_stages_file_is_said_to_hold_it_may(tmp_path: pathlib.Path) -> None:
    lines = [line for block in blocks() for line in block.splitlines() if line.startswith("{")]

    for line in lines:
        document: JSON = json.JSONDecoder().raw_decode(line)[0]
        (tmp_path / "lab.json").write_text(json.dumps(document))
        assert stages.read("lab", tmp_path)
    assert len(lines) >= 5


@pytest.fixture
def checkout(tmp_path: pathlib.Path) -> pathlib.Path:
    """A clone, with an environment made without the network."""
    for part in (*PARTS, ".chalice", "docs"):
        if (ROOT / part).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "stages", "deployments")
            shutil.copytree(ROOT / part, tmp_path / part, symlinks=True, ignore=ignore)
        else:
            shutil.copy(ROOT / part, tmp_path)
    for file in (*ROOT.glob("requirements*.txt"), ROOT / "Makefile"):
        shutil.copy(file, tmp_path)
    code = MAKE.replace('["node"]', '["deploy"]').format(packages="\n".join(_packages()))
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=plain(), check=True)
    return tmp_path


def _packages() -> list[str]:
    import site

    return site.getsitepackages()


@pytest.fixture
def commands(cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """A folder of the programs that the page takes for granted."""
    folder = tmp_path_factory.mktemp("bin")
    with aws_command.served(cloud, str(shutil.which("curl"))) as aws:
        programs = {
            "python3": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
            "curl": f'#!/bin/sh\nexec {sys.executable} {HERE / "curl_command.py"} "$@"\n',
            "aws": aws,
        }
        for name, program in programs.items():
            (folder / name).write_text(program)
            (folder / name).chmod(0o755)
        yield folder


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in [name for name in os.environ if name.startswith("PSCHEDULER_")]:
        monkeypatch.delenv(name)  # MiniStack's functions would have them too
    running, _ = ministack.start(ministack_python(), tmp_path_factory.mktemp("aws"), SERVICES)
    yield running.endpoint
    running.stop()


LOOK_UP = """
export API=$AWS_ENDPOINT_URL/restapis/$(aws cloudformation describe-stacks --stack-name pscheduler-lab \
    --output text --query "Stacks[0].Outputs[?OutputKey=='RestAPIId'].OutputValue")/pscheduler/_user_request_
"""
"""Where the API is, which has a name on AWS."""


@pytest.mark.slow(60)
@pytest.mark.timeout(1500)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_the_page_is_followed_literally(
    checkout: pathlib.Path, commands: pathlib.Path, cloud: str, tmp_path: pathlib.Path
) -> None:
    parts = []
    for number, block in enumerate(to_run()):
        parts += [f"echo '--- {number}'", LOOK_UP if block.startswith("export PS=") else "", block]
    environment = {
        **plain(),
        "AWS_ENDPOINT_URL": cloud,
        "REAL_CURL": str(shutil.which("curl")),
        "PATH": f"{commands}:{os.environ['PATH']}",
    }

    with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as agreeing:  # to whoever asks
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(parts)],
            stdin=agreeing.stdout,
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1400,
            check=False,
        )
        agreeing.kill()

    said = dict(re.findall(r"^--- (\d+)\n(.*?)(?=^--- |\Z)", done.stdout, re.DOTALL | re.MULTILINE))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = next(text for number, text in said.items() if "sleep 20" in to_run()[int(number)])
    assert "succeeded" in result or "has no result" in result  # where the machine was too busy to begin it
    removed = next(text for number, text in said.items() if "make undeploy" in to_run()[int(number)])
    assert '"parameters": {"Tables": "pscheduler-lab-' in removed
    assert "pscheduler-lab-" not in _listed(commands, environment, "dynamodb", "list-tables", "TableNames[]")
    (packages,) = _listed(
        commands,
        environment,
        "s3",
        "list-buckets",
        "Buckets[?starts_with(Name, 'pscheduler-packages-')].Name",
    ).split()
    kept = _listed(commands, environment, "s3", "list-objects-v2", "Contents[].Key", "--bucket", packages)
    assert kept.count(".zip") == 1  # what was packaged twice, of the same sources, is the same


def _listed(
    commands: pathlib.Path, environment: dict[str, str], service: str, operation: str, query: str, *more: str
) -> str:
    done = subprocess.run(
        [str(commands / "aws"), service, operation, *more, "--output", "text", "--query", query],
        env={**environment, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
