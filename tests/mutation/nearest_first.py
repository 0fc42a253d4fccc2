"""A pytest plugin for ``tests.mutation``: run the tests named like the changed module first, stop in time.

mutmut runs all tests that reach a changed function, which may be hundreds. Most changes are noticed by the
tests of the module itself, so these come first. A change that none has noticed when the time is over counts
as not noticed.
"""

import os
import time
from collections.abc import Sequence

import pytest

SECONDS = "MUTATION_SECONDS"
_begun = time.monotonic()


def pytest_sessionstart() -> None:
    global _begun  # noqa: PLW0603 - each change is tried in a process of its own
    _begun = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort what is near first, and keep mutmut's order, the fast ones first, otherwise."""
    module = changed_module()
    if module:
        items.sort(key=lambda item: not is_near(item.path.stem, module))


def pytest_runtest_logstart() -> None:
    limit = float(os.environ.get(SECONDS, "inf"))
    if changed_module() and time.monotonic() - _begun > limit:
        pytest.exit(f"nothing noticed within {limit:g} seconds", returncode=0)


def changed_module() -> str:
    """The last part of the name of the module under test; empty while the tests run unchanged."""
    parts: Sequence[str] = os.environ.get("MUTANT_UNDER_TEST", "").split(".")
    return parts[-2] if len(parts) > 1 else ""


def is_near(test_file: str, module: str) -> bool:
    return test_file == f"test_{module}" or test_file.startswith(f"test_{module}_")
