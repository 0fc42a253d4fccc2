"""The engine's README names what the engine answers, and nothing else."""

import pathlib
import re

import pytest

from local import engine
from local.engine import dynamodb, s3, sqs
from local.engine.service_operation import Operation

FOLDER = pathlib.Path(engine.__file__).parent
TEXT = (FOLDER / "README.md").read_text()


@pytest.mark.parametrize(
    ("service", "operations"),
    [("DynamoDB", dynamodb.OPERATIONS), ("SQS", sqs.OPERATIONS), ("S3", s3.OPERATIONS)],
)
def test_every_operation_is_named(service: str, operations: dict[str, Operation]) -> None:
    answers = TEXT[TEXT.index("## What it supports") :]
    paragraph = re.search(rf"^{service}, .*?\n\n", answers, re.DOTALL | re.MULTILINE)

    assert paragraph is not None
    assert re.findall(r"`([A-Za-z0-9]+)`", paragraph[0]) == sorted(operations)


def test_every_module_that_is_named_is_there() -> None:
    table = TEXT[TEXT.index("## Modules") : TEXT.index("## How it is tested")]
    named = re.findall(r"`([a-z0-9_]+(?:\.py|/))`", table)
    there = {each.name for each in FOLDER.glob("*.py")} - {"__init__.py", "engine_errors.py"}
    folders = {f"{each.parent.name}/" for each in FOLDER.glob("*/__init__.py")}

    assert sorted(named) == sorted(there | folders)
