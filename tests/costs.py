"""``--costs``: what tests take of the processors, by folder, and the costliest files and tests.

Counted is the processor time of the process and of what it started and saw end, the latter by itself as well;
a machine's other work changes that far less than it changes the clock. What several tests stand on is counted
with the first of them.
"""

import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

_COLLECTING = "(collecting)"

Row = tuple[str, float, float, float]
"""The test, its seconds of processor time, those of processes that it started, and those of the clock."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--costs", type=int, metavar="N", nargs="?", const=20, help="show costs, and the N costliest tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--costs") is not None:
        config.pluginmanager.register(_Costs(config.getoption("--costs")), "costs")


class _Costs:
    """What was spent in the one process it is in; with xdist, in each worker."""

    def __init__(self, shown: int) -> None:
        self._shown = shown
        self._rows: list[Row] = []
        self._began = _spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if not self._rows:
            self._rows.append((_COLLECTING, *_since(self._began)))
        began = _spent()
        try:
            return (yield)
        finally:
            self._rows.append((item.nodeid, *_since(began)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        self._rows.extend(tuple(row) for row in getattr(node, "workeroutput", {}).get("costs", ()))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["costs"] = self._rows

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("costs: tests, seconds of processor time, of children, of the clock")
        for title, name_of, most in (
            ("folders", _folder, None),
            ("files", _file, self._shown),
            ("tests", lambda test: test, self._shown),
        ):
            terminalreporter.write_line(f"{title}:")
            for line in _table(self._rows, name_of)[:most]:
                terminalreporter.write_line(line)


def _spent() -> tuple[float, float, float]:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (each.ru_utime + each.ru_stime for each in used)
    return own + children, children, time.monotonic()


def _since(began: tuple[float, float, float]) -> tuple[float, float, float]:
    in_all, children, clock = (now - then for now, then in zip(_spent(), began, strict=True))
    return in_all, children, clock


def _file(test: str) -> str:
    return test.partition("::")[0]


def _folder(test: str) -> str:
    return "/".join(_file(test).split("/")[:2])


def _table(rows: list[Row], name_of: Any) -> list[str]:
    """A line for each name, the costliest first, and one for all."""
    tests: Counter[str] = Counter()
    spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for test, *costs in rows:
        for name in (name_of(test), "all"):
            tests[name] += test != _COLLECTING
            spent[name] = [before + cost for before, cost in zip(spent[name], costs, strict=True)]
    return [
        f"  {tests[name]:6} {in_all:8.1f} {children:8.1f} {clock:8.1f}  {name}"
        for name, (in_all, children, clock) in sorted(spent.items(), key=lambda each: -each[1][0])
    ]
