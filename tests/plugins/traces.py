"""What is the same in the tests of all tools that perform trace."""

import pathlib
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from plugins.sdk.base import Tool
from plugins.sdk.jobs import Host
from plugins.tests.trace import TEST
from tests.plugins.jobs import job

PLAIN = {"hostnames": False, "as": False}


def captured(tool: Tool) -> list[pathlib.Path]:
    """Files of what the program printed; beside each is what it should be read as."""
    return sorted(pathlib.Path(__file__).with_name(tool.name).glob("*.out"))


def text(tool: Tool, name: str) -> str:
    return pathlib.Path(__file__).with_name(tool.name).joinpath(f"{name}.out").read_text()


def outputs(files: Sequence[pathlib.Path]) -> st.SearchStrategy[str]:
    """Texts made of the lines of these files, some with noise in them."""
    lines = [line for path in files for line in path.read_text().splitlines()]
    line = st.sampled_from(lines)
    noisy = st.builds(_garbled, line, st.integers(0, 80), st.text(max_size=8))
    return st.lists(line | noisy | st.text(max_size=60), max_size=12).map("\n".join)


def _garbled(line: str, cut: int, noise: str) -> str:
    return line[:cut] + noise + line[cut:]


def complaint(paths: list[Any]) -> str | None:
    """What is wrong with these paths as a result."""
    return TEST.result_versions.problem({"schema": 1, "succeeded": True, "paths": paths})


def measure(tool: Tool, spec: dict[str, Any], host: Host, **changes: Any) -> dict[str, Any]:
    """Run a tool and merge what it measured, a valid result."""
    whole = {**PLAIN, **spec}
    merged = tool.merge(whole, [tool.run(job(tool, whole, host, **changes))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)
