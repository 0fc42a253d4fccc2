"""``--permissions``: what functions ask of AWS, and whether they may (``local/deployment/grants.json``).

With ``check`` a run fails where a function did what it may not and, where all tests ran, where one may do
what none of them had it do. ``write`` has the file say what was seen, and ``add`` adds what is missing to it:
for runs of a part. Either prints the table.
"""

import json
import os
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import pytest

from local.deployment import permissions
from tests.permissions.recording import INTO, SEEN, Call, recording

_KEY = pytest.StashKey[set[Call]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--permissions", choices=["check", "add", "write"], help="what functions ask of AWS")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEY] = set()
    if config.getoption("--permissions"):
        config.pluginmanager.register(_Recorder(), "permissions-recorder")


class _Recorder:
    """What is asked of the one process it is in; with xdist, of each worker's."""

    def __init__(self) -> None:
        self._recording = recording()
        self._folder = tempfile.TemporaryDirectory(prefix="permissions-")
        os.environ[INTO] = self._folder.name

    def pytest_sessionstart(self) -> None:
        self._recording.__enter__()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        SEEN.update(tuple(call) for call in getattr(node, "workeroutput", {}).get("calls", ()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._recording.__exit__(None, None, None)
        for file in pathlib.Path(self._folder.name).glob("*.json"):
            SEEN.update((whose, action, where) for whose, action, where in json.loads(file.read_text()))
        self._folder.cleanup()
        os.environ.pop(INTO)
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["calls"] = sorted(SEEN)
            return
        wanted = session.config.getoption("--permissions")
        if wanted == "check":
            wrong = _wrong(SEEN, everything=session.config.args_source.name != "ARGS")
            session.config.stash[_KEY] = wrong
            if wrong and session.exitstatus == 0:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        else:
            known = {} if wanted == "write" else permissions.grants()
            permissions.FILE.write_text(json.dumps(merged(known, SEEN), indent=1) + "\n")

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        terminalreporter.section("permissions")
        for line in table(merged({}, SEEN)):
            terminalreporter.write_line(line)
        for whose, action, where in sorted(config.stash[_KEY]):
            is_missing = (whose, action, where) in SEEN
            said = "may not, but did" if is_missing else "may, but never did"
            terminalreporter.write_line(f"{whose} {said}: {action} {where}; see make permissions")


def _wrong(seen: set[Call], everything: bool) -> set[Call]:
    """The calls that are not granted and, where everything was seen, the grants that nobody needs."""
    allowed = calls(permissions.grants())
    common = {(action, where) for whose, action, where in allowed if whose == permissions.EVERY}
    missing = {one for one in seen - allowed if one[1:] not in common}
    return missing | (allowed - seen if everything else set())


def calls(grants: permissions.Grants) -> set[Call]:
    """What is granted, one by one."""
    return {
        (whose, action, where)
        for whose, some in grants.items()
        for where, actions in some.items()
        for action in actions
    }


def merged(known: permissions.Grants, seen: set[Call]) -> dict[str, dict[str, list[str]]]:
    """Grants with what was seen, in order; what all may do is not granted to each."""
    every = {(action, where) for whose, action, where in calls(known) | seen if whose == permissions.EVERY}
    found: dict[str, dict[str, list[str]]] = {}
    for whose, action, where in sorted(calls(known) | seen, key=lambda one: (one[0], one[2], one[1])):
        if whose == permissions.EVERY or (action, where) not in every:
            found.setdefault(whose, {}).setdefault(where, []).append(action)
    return found


def table(grants: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """A line for each function and resource."""
    return [
        f"{whose:15} {where:26} {' '.join(actions)}"
        for whose, some in grants.items()
        for where, actions in some.items()
    ]
