"""What ``make`` passes on of the words it is given."""

import pathlib
import shlex
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent.parent.parent


def ran(*words: str) -> list[str]:
    """The words of the last command that make would run."""
    made = subprocess.run(
        ["make", "--dry-run", *words], cwd=HERE, check=True, capture_output=True, text=True, timeout=60
    )
    return shlex.split(made.stdout)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
@pytest.mark.parametrize("folder", ["a b", "it's here", "a; touch b", "$(HOME)", "*"])
def test_the_name_of_a_folder_is_one_word_whatever_is_in_it(folder: str) -> None:
    words = ran("run", f"STATE={folder.replace('$', '$$')}")

    assert words[words.index("--state") + 1] == folder


@pytest.mark.skipif(shutil.which("make") is None, reason="make is missing")
def test_a_port_that_is_none_is_the_nodes_to_refuse() -> None:
    words = ran("run", "PORT=8000; true")

    assert words[words.index("--port") + 1] == "8000; true"
