"""docs/recipes.md: each recipe is performed beside a node, and prints what it says it prints."""

import os
import pathlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.nodes import Node, free_port, start

RECIPES = pathlib.Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
SECTION = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)


def _sections() -> dict[str, str]:
    return dict(SECTION.findall(RECIPES.read_text()))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    running = start(tmp_path_factory.mktemp("recipes") / "node", free_port())
    yield running
    running.stop()


@pytest.mark.parametrize("name", list(_sections()))
def test_a_recipe_does_what_it_says(name: str, node: Node) -> None:
    blocks = BLOCK.findall(_sections()[name])

    assert blocks, "a recipe has something to perform"
    for script, expected in blocks:
        done = subprocess.run(
            ["bash", "-euc", script],
            env={**os.environ, "NODE": node.base},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr or done.stdout
        assert re.fullmatch(_pattern(expected), done.stdout.strip(), re.DOTALL), done.stdout


def _pattern(expected: str) -> str:
    """What has to be printed: three dots stand for anything."""
    return ".*".join(re.escape(part) for part in expected.strip().split("...")) if expected.strip() else ".*"
