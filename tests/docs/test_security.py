"""docs/security.md: every finding has tests, and each of those is there and is collected."""

import pathlib
import re
import subprocess
import sys

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

    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    collected = {line.partition("[")[0] for line in found.stdout.splitlines() if "::" in line}
    assert len(named) > 100
    assert sorted(set(named) - collected) == [], found.stderr
    assert found.returncode == 0
