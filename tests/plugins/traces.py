"""What is the same in the tests of all tools that perform trace."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from plugins.sdk.jobs import Host, PluginFailed
from plugins.sdk.tool import Tool
from plugins.tests.trace import TEST
from tests.plugins.jobs import job

PLAIN = {"hostnames": False, "as": False}


def captured(tool: Tool) -> list[pathlib.Path]:
    """Files of what the program printed; beside each is what it should be read as."""
    return sorted(pathlib.Path(__file__).with_name(tool.name).glob("*.out"))


def text(tool: Tool, name: str) -> str:
    return pathlib.Path(__file__).with_name(tool.name).joinpath(f"{name}.out").read_text()


def printed(files: Sequence[pathlib.Path]) -> list[str]:
    """The lines of these files."""
    return [line for path in files for line in path.read_text().splitlines()]


def complaint(paths: list[Any]) -> str | None:
    """What is wrong with these paths as a result."""
    return TEST.result_versions.problem({"schema": 1, "succeeded": True, "paths": paths})


def require_read_or_refused(parse: Callable[[str], list[Any]], output: str) -> None:
    """Fail unless a tool refuses what its program printed, or makes a valid path of it."""
    try:
        hops = parse(output)
    except PluginFailed:
        return
    assert complaint([hops]) is None


def measure(tool: Tool, spec: dict[str, Any], host: Host, **changes: Any) -> dict[str, Any]:
    """Run a tool and merge what it measured, a valid result."""
    whole = {**PLAIN, **spec}
    merged = tool.merge(whole, [tool.run(job(tool, whole, host, **changes))])
    assert merged is not None
    assert TEST.result_versions.problem(merged) is None
    return dict(merged)
