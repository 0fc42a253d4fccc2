"""docs/security.md: every finding has tests, and each of those is there and is one that pytest collects."""

import ast
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")
_FINDINGS, _REPORTS = 17, 18


def _rows(heading: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def test_every_finding_and_every_report_names_a_test() -> None:
    findings, reports, newcomers = map(_rows, ("Findings", "Users' reports", "Newcomers' problems"))

    assert [row.split("|")[1].strip() for row in findings] == [str(n + 1) for n in range(_FINDINGS)]
    assert len({row.split("|")[1] for row in reports}) == _REPORTS
    assert [row for row in (*findings, *reports, *newcomers) if not _TEST.search(row)] == []


def test_every_test_that_is_named_is_collected() -> None:
    named = sorted(set(_TEST.findall(PAGE)))

    assert len(named) > 100
    assert [test for test in named if not _is_collected(*test.split("::"))] == []


def _is_collected(file: str, name: str) -> bool:
    """Whether pytest takes it for a test: a function of a module, both called as tests are."""
    is_test = name.startswith("test_") and pathlib.Path(file).name.startswith("test_")
    return is_test and (ROOT / file).is_file() and name in _functions(ROOT / file)


@functools.cache
def _functions(file: pathlib.Path) -> set[str]:
    return {each.name for each in ast.parse(file.read_text()).body if isinstance(each, ast.FunctionDef)}
