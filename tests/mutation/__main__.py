"""Changes the code a little, again and again, and names the changes that no test notices::

    python -m tests.mutation chalicelib/domain/conflicts.py chalicelib/store
    python -m tests.mutation chalicelib/service/tasks --sample 20 --seed 3 --seconds 60
    python -m tests.mutation chalicelib/domain --only '*x_window__mutmut_*'

mutmut makes the changes, in a copy of the repository below ``.local``, and runs of the nearest tests those
that reach a changed function, the tests named like the module first. Survivors are shown as diffs;
CONTRIBUTING.md keeps the figures. A sample is the same for the same seed and code.
"""

import argparse
import dataclasses
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence

from tests.mutation.nearest_first import SECONDS

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = pathlib.Path(os.environ.get("MUTATION_COPY") or ROOT / ".local" / "mutation")
"""Where the copy is made; two runs at a time need one each."""
COPIED = (".chalice", "app.py", "bench", "chalicelib", "docs", "local", "plugins", "tests", "vendor")
NEAREST = {
    "chalicelib/domain/limits": ("tests/domain/limits",),
    "chalicelib/domain": ("tests/domain",),
    "chalicelib/domain/alert_notices": ("tests/service/alerts",),
    "chalicelib/domain/badge": ("tests/api/pages/test_alerts.py",),
    "chalicelib/domain/host_facts": ("tests/host", "tests/api/pages/test_agents.py"),
    "chalicelib/domain/jq_scripts": ("tests/infrastructure/test_jq_sandbox.py", "tests/domain/limits"),
    "chalicelib/domain/limits/networks": ("tests/domain/limits", "tests/service/limits"),
    "chalicelib/domain/limits/quotas": ("tests/domain/limits", "tests/service/limits"),
    "chalicelib/domain/metrics": ("tests/plugins/test_metrics.py", "tests/api/pages/test_series.py"),
    "chalicelib/domain/outbox_request": ("tests/store/test_outbox_table.py", "tests/service/coordination"),
    "chalicelib/domain/run": ("tests/domain", "tests/api/pages/test_runs.py"),
    "chalicelib/domain/task": ("tests/domain", "tests/api/pages/test_tasks.py"),
    "chalicelib/store": (
        "tests/store",
        "tests/service/scheduling",
        "tests/service/node/test_state_upgrade.py",
        "tests/service/node/test_state_version.py",
        "tests/api/pages/test_events.py",
    ),
    "chalicelib/store/alert_table": ("tests/store/test_alert_table.py", "tests/service/alerts"),
    "chalicelib/store/delivery_table": ("tests/store/test_delivery_table.py", "tests/service/archiving"),
    "chalicelib/store/journal": ("tests/store/test_journal.py", "tests/api/pages/test_events.py"),
    "chalicelib/store/point_table": ("tests/store/test_series_table.py", "tests/service/series"),
    "chalicelib/store/run_counts": ("tests/store/test_run_counts.py", "tests/api/pages/test_schedule.py"),
    "chalicelib/store/series_table": ("tests/store/test_series_table.py", "tests/service/series"),
    "chalicelib/service/agents": ("tests/service/agents",),
    "chalicelib/service/alerts": ("tests/service/alerts", "tests/api/pages/test_alerts.py"),
    "chalicelib/service/archiving": ("tests/service/archiving",),
    "chalicelib/service/coordination": ("tests/service/coordination",),
    "chalicelib/service/execution": ("tests/service/execution", "tests/api/pages/test_runs.py"),
    "chalicelib/service/limits": ("tests/service/limits",),
    "chalicelib/service/node": ("tests/service/node", "tests/api/http/test_requester.py"),
    "chalicelib/service/peers": ("tests/service/peers",),
    "chalicelib/service/series": (
        "tests/service/series",
        "tests/api/pages/test_series.py",
        "tests/events/test_shard_work.py",
    ),
    "chalicelib/service/scheduling": ("tests/service/scheduling", "tests/api/pages/test_cancelling.py"),
    "chalicelib/service/tasks": (
        "tests/service/tasks",
        "tests/api/pages/test_tasks.py",
        "tests/api/pages/test_idempotency.py",
        "tests/api/pages/test_lists.py",
    ),
    "chalicelib/service": ("tests/service", "tests/api/pages"),
}
"""The tests that ought to notice a change, by the most particular folder that has some."""
OF_SOURCES = (
    "tests/domain/test_errors.py::test_no_sentence_begins_with_its_pointer",
    "tests/api/pages/test_cancelling.py::test_every_reason_has_a_code_that_is_explained",
)
"""Tests that read the sources themselves, which in a copy hold all changes at once."""
QUICK = {"HYPOTHESIS_PROFILE": "quick", "MODEL_STEPS": "500"}
NONE = "none-of-them"
"""Matches no mutant: a run that makes all and tries none."""
_STATUS = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of the mutants: how many of each status, and the diffs of those that were not noticed."""

    counts: "Counter[str]"
    survivors: Sequence[str]

    @property
    def row(self) -> str:
        """As the table of CONTRIBUTING.md has it, a time-out being a way to notice."""
        noticed = self.counts["killed"] + self.counts["timeout"] + self.counts["suspicious"]
        total = sum(self.counts.values())
        percent = 100 * noticed / total if total else 0
        return f"{total} mutants, {noticed} noticed ({percent:.0f} %), {total - noticed} not"


def nearest(path: str) -> Sequence[str]:
    """The tests for a module or a package."""
    fitting = [folder for folder in NEAREST if f"{path}/".startswith((f"{folder}/", f"{folder}."))]
    if not fitting:
        raise SystemExit(f"{path}: must be within one of {', '.join(NEAREST)}")
    return NEAREST[max(fitting, key=len)]


def configuration(path: str, tests: Sequence[str]) -> str:
    """What is added to pyproject.toml for mutmut."""
    mutated = path if path.endswith(".py") else f"{path}/*"
    arguments = ["-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    arguments += ["-p", "tests.mutation.nearest_first"]
    arguments += [f"--deselect={test}" for test in OF_SOURCES]
    copied = [name for name in COPIED if name not in ("chalicelib", "tests")]
    return f"""
[tool.mutmut]
source_paths = ["chalicelib"]
only_mutate = ["{mutated}"]
also_copy = {copied}
pytest_add_cli_args = {arguments}
pytest_add_cli_args_test_selection = {list(tests)}
use_git_change_detection = false
"""


def prepare(path: str, tests: Sequence[str]) -> None:
    """A fresh copy, set up for one package."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name in COPIED:
        source, target = ROOT / name, COPY / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    text = (ROOT / "pyproject.toml").read_text()
    (COPY / "pyproject.toml").write_text(text + configuration(path, tests))


def mutate(path: str, options: argparse.Namespace) -> Outcome:
    """Try all changes of a module or package, or those that are named, or a sample."""
    prepare(path, options.tests or nearest(path))
    run = ("run", "--max-children", str(options.workers))
    names = options.only
    if options.sample:
        tried = _mutmut(*run, NONE)
        if not (COPY / "mutants" / "mutmut-stats.json").exists():
            raise SystemExit(f"{path}: its tests do not pass as they are:\n{tried.stdout}{tried.stderr}")
        names = sample([name for name, _ in _statuses()], options.sample, options.seed)
    if _mutmut(*run, *names, quiet=False, seconds=options.seconds).returncode:
        raise SystemExit(f"{path}: its tests do not pass as they are; see above")
    found = [status for status in _statuses() if status[1] != "not checked"]
    noticed = ("killed", "timeout", "suspicious")
    survivors = [_mutmut("show", name).stdout for name, status in found if status not in noticed]
    return Outcome(Counter(status for _, status in found), survivors)


def sample(names: Sequence[str], count: int, seed: int) -> Sequence[str]:
    """So many of the names, the same for the same seed; all where there are fewer."""
    if not names:
        raise SystemExit("there is nothing to change, or the tests do not pass as they are")
    return random.Random(seed).sample(sorted(names), min(count, len(names)))


def _statuses() -> list[tuple[str, str]]:
    """All mutants there are, with what became of each."""
    return _STATUS.findall(_mutmut("results", "--all", "true").stdout)


def _mutmut(*arguments: str, quiet: bool = True, seconds: int = 0) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **QUICK, "PYTHONPATH": ""}
    if seconds:
        environment[SECONDS] = str(seconds)
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=COPY, env=environment, text=True, capture_output=quiet, check=False)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", help="packages or modules")
    parser.add_argument("--tests", nargs="+", help="other tests than the nearest")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[], help="mutants by name, such as *x_window__mutmut_*")
    parser.add_argument("--sample", type=int, default=0, help="try so many of them, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="what the sample is drawn by")
    parser.add_argument("--seconds", type=int, default=0, help="how long one may take; no end if absent")
    options = parser.parse_args()
    rows = {}
    for path in (one.rstrip("/") for one in options.paths):
        outcome = mutate(path, options)
        print(*outcome.survivors, sep="\n")
        rows[path] = outcome.row
    for path, row in rows.items():
        print(f"{path}: {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
