"""A node that serves a week of a mesh, and a browser that looks at it.

The node is started once a test process, the browser once a file: while there is one its loop runs in this
thread, and no test can have another. The week is made once a test run, and copied.
"""

import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.nodes import HERE, Node, serving
from tests.made_once import made_once
from tests.ui.looking import Looker

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def week(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The state of a node with the week in it, of this process alone."""

    def make(folder: pathlib.Path) -> None:
        subprocess.run([sys.executable, "-m", "tests.ui.week", str(folder)], cwd=HERE, check=True)

    made = made_once(tmp_path_factory, "week", make)
    own = tmp_path_factory.mktemp("ui") / "node"
    shutil.copytree(made, own)
    return own


@pytest.fixture(scope="session")
def node(week: pathlib.Path) -> Iterator[Node]:
    with serving(week, "--period", "2") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs the program chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture(scope="module")
def looker(browser: Any, node: Node) -> Looker:
    return Looker(browser, node)


@pytest.fixture
def look(looker: Looker) -> Iterator[Looker]:
    """Opens views; whatever the console complains of fails the test."""
    yield looker
    complaints = looker.complaints
    looker.leave()
    assert complaints == []
